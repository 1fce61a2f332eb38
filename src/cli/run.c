/*
 * run.c - one run of the program: words in, one command, an exit code.
 *
 * Read the words, hide their secrets, open a handle, call the command's function, say how it ended. A command's file
 * knows only its own options and its own text; errors, JSON, events, confirmations and exit codes are alike for all
 * and are here.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const wbl_report *cli_report(const cli *c) { return c->handle ? wbl_report_get(c->handle) : &c->local; }

int cli_usage_error(cli *c, const char *hint, const char *fmt, ...)
{
    char text[sizeof c->err.message];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wb_fail(&c->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", n > 0 ? text : "wrong usage");
    if (hint)
        wb_hint(&c->cx, "%s", hint);
    return WBL_E_INVALID;
}

/* ---- what several commands need ---- */

void cli_request(cli *c, wbl_request *r)
{
    wbl_request_init(r);
    r->namespaces = c->args.list[CLI_NAMESPACE];
    r->namespace_count = c->args.count[CLI_NAMESPACE];
    r->to = c->args.text[CLI_TO];
    r->only = cli_given(c, CLI_ONLY);
    r->force = cli_given(c, CLI_FORCE);
    r->confirmed = cli_given(c, CLI_YES);
    r->verbose = c->verbose > 0;
    r->dry_run = cli_given(c, CLI_DRY_RUN);
    r->out_of_order = cli_given(c, CLI_OUT_OF_ORDER) ? (int32_t)c->args.number[CLI_OUT_OF_ORDER] + 1 : 0;
    r->newer = cli_given(c, CLI_NEWER) ? (int32_t)c->args.number[CLI_NEWER] + 1 : 0;
}

static int single_ns(cli *c, const char **ns)
{
    if (c->args.count[CLI_NAMESPACE] > 1)
        return cli_usage_error(c, NULL, "`%s` works on one namespace at a time", c->args.command->name);
    *ns = c->args.count[CLI_NAMESPACE] ? c->args.list[CLI_NAMESPACE][0] : NULL;
    return 0;
}

int cli_ns_version(cli *c, const char **ns, const char **version)
{
    int rc = single_ns(c, ns);
    if (rc != 0)
        return rc;
    const char **words = c->args.positionals;
    uint32_t count = c->args.positional_count;
    if (count == 2) {
        if (*ns && strcmp(*ns, words[0]) != 0)
            return cli_usage_error(c, NULL, "two namespaces were named: `%s` and `%s`", *ns, words[0]);
        *ns = words[0];
    }
    *version = count ? words[count - 1] : NULL;
    return 0;
}

static int read_count(cli *c, int64_t *out)
{
    *out = -1;
    if (c->args.positional_count == 0 || cli_parse_count(c->args.positionals[0], out) == 0)
        return 0;
    return cli_usage_error(c, "A version goes behind --to.", "`%s` wants a number of migrations, not `%s`",
                           c->args.command->name, c->args.positionals[0]);
}

int cli_request_steps(cli *c, wbl_request *r, int64_t *count)
{
    cli_request(c, r);
    int rc = read_count(c, count);
    r->steps = *count > 0 ? *count : 0;
    return rc;
}

/* ---- confirmations ---- */

static bool can_ask(const cli *c)
{
    return !c->is_json && !c->is_events && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Only a line that begins with y or Y is a yes. read(), since a signal must end the question. */
static bool ask(cli *c)
{
    char answer[64] = "", more;
    cli_progress_end(&c->progress);
    fflush(c->out.file);
    cli_putf(&c->errs, CLI_YELLOW, "%s. Go on? [y/N]", c->err.message);
    fputc(' ', c->errs.file);
    fflush(c->errs.file);
    ssize_t n = read(STDIN_FILENO, answer, sizeof answer - 1);
    for (more = n > 0 ? answer[n - 1] : '\n'; more != '\n';) /* the rest of a long line */
        if (read(STDIN_FILENO, &more, 1) != 1)
            break;
    return n > 0 && (answer[0] == 'y' || answer[0] == 'Y') && !cli_signal_caught();
}

int cli_call(cli *c, int (*call)(wbl_handle *, const wbl_request *, wbl_error *), wbl_request *request)
{
    c->progress.is_muted = request->dry_run;
    int rc = call(c->handle, request, &c->err);
    if (rc != WBL_E_REFUSED || request->confirmed || !cli_wants_confirmation(&c->err) || !can_ask(c))
        return rc;
    if (ask(c)) {
        request->confirmed = 1;
        wb_error_clear(&c->err);
        return call(c->handle, request, &c->err);
    }
    if (cli_signal_caught())
        return wb_fail(&c->cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "nothing was changed");
    rc = wb_fail(&c->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "not confirmed; nothing was changed");
    wb_hint(&c->cx, "--yes answers the question beforehand.");
    return rc;
}

/* ---- the handle ---- */

static void on_event(void *user, const wbl_event *event) { cli_progress_event(user, event); }

/* schema.table, or table alone */
static int set_ledger(cli *c, wbl_options *o)
{
    const char *text = c->args.text[CLI_LEDGER], *dot = text ? strrchr(text, '.') : NULL;
    o->ledger_table = dot ? dot + 1 : text;
    if (!dot)
        return 0;
    o->ledger_schema = wb_arena_str(&c->mem, text, (size_t)(dot - text));
    if (!o->ledger_schema)
        return wb_nomem(&c->cx);
    if (*o->ledger_schema == 0 || *o->ledger_table == 0)
        return cli_usage_error(c, NULL, "`--ledger` wants NAME or SCHEMA.NAME, not `%s`", text);
    return 0;
}

static int64_t number_or(const cli *c, cli_id id, int64_t otherwise)
{
    return cli_given(c, id) ? c->args.number[id] : otherwise;
}

static int open_handle(cli *c)
{
    wbl_options o;
    wbl_options_init(&o);
    o.keep_lock = 1;
    o.url = c->args.text[CLI_URL];
    o.dirs = c->args.list[CLI_DIR];
    o.dir_count = c->args.count[CLI_DIR];
    o.config = c->args.text[CLI_CONFIG];
    o.profile = c->args.text[CLI_PROFILE];
    o.format = c->args.text[CLI_FILES_FORMAT];
    o.target = c->args.text[CLI_TARGET];
    o.password_file = c->args.text[CLI_PASSWORD_FILE];
    o.lock_timeout_ms = number_or(c, CLI_LOCK_TIMEOUT, o.lock_timeout_ms);
    o.connect_timeout_ms = number_or(c, CLI_CONNECT_TIMEOUT, o.connect_timeout_ms);
    o.statement_timeout_ms = number_or(c, CLI_STATEMENT_TIMEOUT, o.statement_timeout_ms);
    o.ddl_lock_timeout_ms = number_or(c, CLI_DDL_LOCK_TIMEOUT, o.ddl_lock_timeout_ms);
    int64_t tries = number_or(c, CLI_DDL_LOCK_TRIES, o.ddl_lock_tries);
    int64_t group = number_or(c, CLI_GROUP, o.group_max);
    o.ddl_lock_tries = tries > INT32_MAX ? INT32_MAX : (int32_t)tries;
    o.group_max = group > INT32_MAX ? INT32_MAX : (int32_t)group;
    o.confirmed = cli_given(c, CLI_YES);
    o.on_event = on_event;
    o.user = &c->progress;
    int rc = set_ledger(c, &o);
    if (rc == 0)
        rc = wbl_open(&o, &c->handle, &c->err);
    if (rc == 0)
        cli_signals_handle(c->handle);
    return rc;
}

/* A word as a shell takes it. */
static void add_quoted(wb_buf *b, const char *word)
{
    bool is_plain = *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-")] == 0;
    if (is_plain) {
        wb_buf_str(b, word);
        return;
    }
    wb_buf_char(b, '\'');
    for (; *word; word++)
        if (*word == '\'')
            wb_buf_str(b, "'\\''");
        else
            wb_buf_char(b, *word);
    wb_buf_char(b, '\'');
}

static void add_flag(wb_buf *b, cli_id id, const char *value)
{
    const cli_flag *f = cli_native.globals;
    while (f->id != id)
        f++;
    wb_buf_str(b, b->len ? " " : "");
    if (f->letter)
        wb_buf_addf(b, "-%c ", f->letter);
    else
        wb_buf_addf(b, "--%s ", f->name);
    add_quoted(b, value);
}

/* The flags without which a command in an advice would be about another database or other files. */
static void keep_flags(cli *c)
{
    static const cli_id texts[] = { CLI_CHDIR, CLI_CONFIG, CLI_TARGET, CLI_PASSWORD_FILE, CLI_PROFILE, CLI_FILES_FORMAT, CLI_LEDGER };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < WB_COUNT(texts); i++)
        if (c->args.text[texts[i]])
            add_flag(&b, texts[i], c->args.text[texts[i]]);
    if (c->args.text[CLI_URL] && cli_report(c)->url) /* the library's form of it, with the password hidden */
        add_flag(&b, CLI_URL, cli_report(c)->url);
    for (uint32_t i = 0; i < c->args.count[CLI_DIR]; i++)
        add_flag(&b, CLI_DIR, c->args.list[CLI_DIR][i]);
    const char *text = b.len ? wb_buf_cstr(&b) : NULL;
    c->out.again = c->errs.again = text ? wb_arena_dup(&c->mem, text) : NULL; /* without memory the advice is shorter */
}

/* ---- the end ---- */

static const char *command_name(const cli *c) { return c->args.command ? c->args.command->name : ""; }

/* One document, whatever happened; also when there is no memory left to build it. */
static void put_document(cli *c, const wbl_error *failure, int exit_code)
{
    char *document = NULL, spare[200];
    if (wbl_report_json(cli_report(c), command_name(c), failure, &document) != 0 || !document)
        snprintf(spare, sizeof spare,
                 "{\"schema_version\":1,\"error\":{\"code\":%d,\"message\":\"no memory to write the report\"}}",
                 failure ? failure->code : WBL_E_NOMEM);
    const char *text = document ? document : spare;
    if (c->is_events) {
        cli_events_result(&c->out, command_name(c), exit_code, text);
    } else {
        fputs(text, c->out.file);
        if (!wb_ends(text, "\n"))
            fputc('\n', c->out.file);
    }
    if (document)
        wbl_free(document);
}

/* What could not be written counts as a failure, unless the reader went away on purpose (| head). */
static int flush_all(cli *c, int exit_code)
{
    struct stat st;
    bool is_bad = fflush(c->out.file) != 0 || ferror(c->out.file);
    bool may_end_early = fstat(fileno(c->out.file), &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
    if (is_bad && !may_end_early) {
        cli_put(&c->errs, CLI_RED, "error: ");
        cli_put(&c->errs, CLI_PLAIN, "can't write the output\n");
        exit_code = exit_code ? exit_code : 1;
    }
    fflush(c->errs.file);
    return exit_code;
}

/* A message may repeat a word of the command line, and that may be a URL in the wrong place. */
static void scrub_error(cli *c)
{
    for (int i = 0; c->words && i < c->word_count; i++) {
        const char *word = c->words[i], *shown = c->shown[i], *secret;
        size_t len;
        while ((secret = cli_next_secret(&word, &shown, &len))) {
            cli_scrub(c->err.message, secret, len);
            cli_scrub(c->err.hint, secret, len);
        }
    }
}

static int finish(cli *c, int rc)
{
    cli_progress_end(&c->progress);
    if (rc == WBL_E_CANCELLED && c->err.code != rc) /* a call that was stopped between two tries of something */
        wb_fail(&c->cx, rc, WBL_EFFECT_NONE, "it was not finished");
    bool has_message = rc < 0 || (rc == WBL_CHECK_FAILED && c->err.message[0]);
    int exit_code = cli_exit_code(rc, &c->err, cli_signal_caught());
    scrub_error(c);
    if (has_message)
        cli_error_print(c);
    bool has_failed = has_message || rc == WBL_CHECK_FAILED;
    if (has_failed && !has_message) /* in text the findings, or the table, say it */
        wb_fail(&c->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "what was checked does not hold");
    if (c->is_json || c->is_events)
        put_document(c, has_failed ? &c->err : NULL, exit_code);
    cli_signals_handle(NULL);
    wbl_close(c->handle);
    c->handle = NULL;
    return flush_all(c, exit_code);
}

/* ---- the start ---- */

static int enter_dir(cli *c)
{
    const char *dir = c->args.text[CLI_CHDIR];
    if (!dir || chdir(dir) == 0)
        return 0;
    return cli_usage_error(c, NULL, "can't work in directory `%s`: %s", dir, strerror(errno));
}

static int run_command(cli *c)
{
    const cli_command *command = c->args.command;
    if (c->is_json && c->is_events)
        return cli_usage_error(c, "--events ends with the document that --json prints.",
                               "--json and --events exclude each other");
    int rc = enter_dir(c);
    if (rc != 0)
        return rc;
    if (command->needs == CLI_NEEDS_RUN) {
        c->progress.mode = c->is_events ? CLI_AS_EVENTS : c->is_text ? CLI_AS_TEXT : CLI_SILENT;
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a pipe sees each line as it happens */
    }
    if (command->needs != CLI_NEEDS_NOTHING) {
        rc = open_handle(c);
        if (rc != 0)
            return rc;
        keep_flags(c);
    }
    return command->run(c);
}

/* --help, --version and no command at all need no handle and print no document. True: *exit_code is the end. */
static bool answer_at_once(cli *c, int *exit_code)
{
    *exit_code = 0;
    if (cli_given(c, CLI_HELP) && c->args.command)
        cli_help_command(&c->out, c->args.command);
    else if (cli_given(c, CLI_HELP))
        cli_help_overview(&c->out);
    else if (cli_given(c, CLI_VERSION))
        cli_putf(&c->out, CLI_PLAIN, "whimbrel %s\n", wbl_version_text());
    else if (!c->args.command) {
        cli_help_overview(&c->errs);
        *exit_code = 2;
    } else
        return false;
    return true;
}

/* The words twice: `words` to work with, and the originals with secrets covered, for messages and for ps. */
static char **take_words(wb_arena *mem, int argc, char **argv)
{
    char **words = wb_arena_get(mem, ((size_t)argc + 1) * sizeof *words);
    for (int i = 0; words && i < argc; i++) {
        words[i] = wb_arena_dup(mem, argv[i]);
        if (!words[i])
            return NULL;
        cli_hide_secrets(argv[i]);
    }
    return words;
}

static void set_modes(cli *c)
{
    c->is_json = cli_given(c, CLI_JSON);
    c->is_events = cli_given(c, CLI_EVENTS);
    c->is_quiet = cli_given(c, CLI_QUIET);
    c->is_text = !c->is_json && !c->is_events && !c->is_quiet;
    c->verbose = c->args.count[CLI_VERBOSE];
    cli_screen_open(&c->out, stdout, !cli_given(c, CLI_NO_COLOR));
    cli_screen_open(&c->errs, stderr, !cli_given(c, CLI_NO_COLOR));
    c->progress = (cli_progress){ .out = &c->out, .errs = &c->errs, .verbose = c->verbose };
}

int cli_main(int argc, char **argv)
{
    cli c = { .err = { .version = WBL_ERROR_VERSION }, .local = { .size = sizeof(wbl_report) } };
    c.cx.err = &c.err;
    char **words = take_words(&c.mem, argc, argv);
    c.word_count = argc;
    c.words = words;
    c.shown = argv;
    int rc = words ? 0 : wb_nomem(&c.cx), exit_code = 0;
    if (rc == 0)
        rc = cli_args_parse(&c.cx, &c.mem, &cli_native, argc > 0 ? argc - 1 : 0, words + 1, argv + 1, &c.args);
    set_modes(&c);
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ); /* a line at a time, so that lines of two programs do not mix */
    cli_signals_start();
    if (rc == 0 && answer_at_once(&c, &exit_code)) {
        exit_code = flush_all(&c, exit_code);
    } else {
        if (rc == 0)
            rc = run_command(&c);
        exit_code = finish(&c, rc);
    }
    wb_arena_done(&c.mem);
    return exit_code;
}
