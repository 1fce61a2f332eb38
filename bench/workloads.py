"""The migrations that the benchmark runs, and the naming of files that each tool reads.

A kind of workload makes a list of migrations; a layout writes them as one tool wants them. Kinds: `small` (a table of three
columns and an index), `table` (the table alone), `mixed` (a table, a column, an index, a row in turn), `rows` (a row; the
first one makes its table), `tiny` (a SELECT), `big` (one script of so many megabytes: a table and its rows), `data` (the
same in two scripts: the table, and its rows).
"""
import collections
import os
import shutil

Migration = collections.namedtuple('Migration', 'version name up down')   # up: a list of texts


def small(i):
    up = (f'create table t{i} (id integer primary key, name varchar(100) not null, at timestamp);\n'
          f'create index t{i}_name on t{i} (name);\n')
    return [up], f'drop table t{i};\n'


def table(i):
    return [f'create table t{i} (id integer primary key, name varchar(100) not null, at timestamp);\n'], f'drop table t{i};\n'


def rows(i):
    if i == 1:
        return table(1)
    return [f"insert into t1 (id, name) values ({i}, 'row {i}');\n"], f'delete from t1 where id = {i};\n'


def mixed(i):
    """Four migrations in turn for each table."""
    t = f't{(i + 3) // 4}'
    return [
        ([f"insert into {t} (id, name, extra) values ({i}, 'row {i}', {i});\n"], f'delete from {t} where id = {i};\n'),
        ([f'create table {t} (id integer primary key, name varchar(100) not null, at timestamp);\n'], f'drop table {t};\n'),
        ([f'alter table {t} add column extra integer;\n'], f'alter table {t} drop column extra;\n'),
        ([f'create index {t}_name on {t} (name);\n'], f'drop index {t}_name;\n'),
    ][i % 4]


def tiny(i):
    return [f'select {i};\n'], 'select 0;\n'


def big_script(megabytes):
    lines = ['create table big (id integer primary key, name varchar(100) not null, note varchar(300));\n']
    size = i = 0
    while size < megabytes * 1000000:
        line = f"insert into big (id, name, note) values ({i}, 'name {i}; it''s', '{'x' * 150}');\n"
        lines.append(line)
        size += len(line)
        i += 1
    return lines


def migrations(kind, number):
    if kind == 'big':
        return [Migration(20260000000001, 'big', big_script(number), 'drop table big;\n')]
    if kind == 'data':
        script = big_script(number)
        return [Migration(20260000000001, 'big', script[:1], 'drop table big;\n'),
                Migration(20260000000002, 'data', script[1:], 'delete from big;\n')]
    make = {'small': small, 'table': table, 'rows': rows, 'mixed': mixed, 'tiny': tiny}[kind]
    return [Migration(20260000000000 + i, f'm{i}', *make(i)) for i in range(1, number + 1)]


def tables_made(kind, number):
    """How many tables these migrations leave, for the check that a run did its work."""
    return {'small': number, 'table': number, 'mixed': (number + 3) // 4, 'rows': 1, 'tiny': 0, 'big': 1, 'data': 1}[kind]


def write_file(folder, name, *parts):
    with open(os.path.join(folder, name), 'w') as file:
        file.writelines(parts)


def write_pairs(folder, all_of_them):
    for m in all_of_them:
        write_file(folder, f'{m.version}_{m.name}.up.sql', *m.up)
        write_file(folder, f'{m.version}_{m.name}.down.sql', m.down)


def write_marked(folder, all_of_them, up_mark, down_mark):
    for m in all_of_them:
        write_file(folder, f'{m.version}_{m.name}.sql', up_mark + '\n', *m.up, down_mark + '\n', m.down)


def write_one_script(folder, all_of_them):
    """For psql, sqlite3 and mariadb: everything in one file, a transaction for each migration."""
    up, down = ['create table if not exists floor_history(v varchar(200) primary key);\n'], []
    for m in all_of_them:
        up += ['begin;\n', *m.up, f"insert into floor_history(v) values('{m.version}_{m.name}');\ncommit;\n"]
        down.insert(0, f"begin;\n{m.down}delete from floor_history where v='{m.version}_{m.name}';\ncommit;\n")
    write_file(folder, 'all.sql', *up)
    write_file(folder, 'down.sql', *down)


LAYOUTS = {
    'updown': write_pairs,
    'goose': lambda folder, ms: write_marked(folder, ms, '-- +goose Up', '-- +goose Down'),
    'dbmate': lambda folder, ms: write_marked(folder, ms, '-- migrate:up', '-- migrate:down'),
    'one': write_one_script,
}


def folder_with(place, layout, kind, number):
    """The folder with these migrations in this layout, written at the first call."""
    folder = os.path.join(place, layout, f'{kind}{number}')
    if not os.path.isdir(folder):
        half_done = folder + '.new'
        shutil.rmtree(half_done, ignore_errors=True)
        os.makedirs(half_done)
        LAYOUTS[layout](half_done, migrations(kind, number))
        os.rename(half_done, folder)
    return folder
