"""What the program says, by the name of what it means, for each front-end: say('no change') is what `whimbrel` prints.

left(n) is what a failure leaves behind: nothing, and on MySQL the n statements before it, since a schema change commits.
The front-ends of other tools print other words for the same fact. Each gets a column here, and shares the cases.
A text is looked for as a part of what is printed; one that starts with `re:` is an expression.
"""
from trial import either

SAYS = {
    # name: {front-end: text}
    'no change':          {'whimbrel': 'up to date'},
    'nothing to revert':  {'whimbrel': 'nothing to revert'},
    'nothing applied':    {'whimbrel': '-\n'},
    'needs a yes':        {'whimbrel': '--yes'},
    'no such version':    {'whimbrel': 're:error: [^\n]*\\b99\\b'},
    'no version given':   {'whimbrel': 're:error: .*goto. needs more'},
    'state unknown':      {'whimbrel': 'nobody can tell'},
    'way out':            {'whimbrel': 're:^next: .*whimbrel repair'},
    'duplicate':          {'whimbrel': 'two files are version'},
    'late':               {'whimbrel': 'is older than what is applied'},
    'no down script':     {'whimbrel': 'no down migration found for version'},
    'self-managed':       {'whimbrel': 'self-managed transaction'},
    'unbalanced':         {'whimbrel': 'unbalanced BEGIN: it has no COMMIT'},
    'split it':           {'whimbrel': "can't run in a transaction"},
    'lock is held':       {'whimbrel': 'another run holds the lock'},
    'left nothing':       {'whimbrel': 'left behind: nothing'},
    'comments differ':    {'whimbrel': 're:warning: .*comments'},
    'edited':             {'whimbrel': 're:error: .*was changed after it was applied'},
    'usage':              {'whimbrel': 'Usage: whimbrel'},
}


def left(count):
    statements = 'statement 1' if count == 1 else f'statements 1-{count}'
    return either(say('left nothing'), f'left behind: {statements} (recorded). {count + 1} had no effect')


def say(name, front_end='whimbrel'):
    return SAYS[name][front_end]
