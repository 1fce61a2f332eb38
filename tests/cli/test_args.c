/* test_args.c - the command line parser, with the real table and with a small one. */
#include "../unit.h"

#include "cli/cli.h"

#define WORDS_MAX 16

/* Words of a row, split at blanks; '' is an empty word, and _ stands for a blank inside one. */
static int split(char *text, char **words)
{
    int count = 0;
    for (char *word = strtok_r(text, " ", &text); word && count < WORDS_MAX; word = strtok_r(NULL, " ", &text)) {
        for (char *p = word; *p; p++)
            *p = *p == '_' ? ' ' : *p;
        words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
    }
    return count;
}

static int parse(const char *line, char *room, size_t size, wb_arena *mem, wbl_error *err, cli_args *out)
{
    char *words[WORDS_MAX + 1] = { NULL }, shown_room[256], *shown[WORDS_MAX + 1] = { NULL };
    wb_copy_text(room, size, line, strlen(line));
    wb_copy_text(shown_room, sizeof shown_room, line, strlen(line));
    int count = split(room, words);
    split(shown_room, shown);
    for (int i = 0; i < count; i++)
        cli_hide_secrets(shown[i]);
    wb_ctx cx = { .err = err };
    return cli_args_parse(&cx, mem, &cli_native, count, words, shown, out);
}

/* What was understood, as text: "up [1] url=x namespace=a,b json". */
static void describe(const cli_args *a, wb_buf *b)
{
    static const struct shown_flag {
        cli_id id;
        const char *name;
    } flags[] = { { CLI_URL, "url" },
                  { CLI_NAMESPACE, "namespace" },
                  { CLI_DIR, "dir" },
                  { CLI_JSON, "json" },
                  { CLI_QUIET, "quiet" },
                  { CLI_VERBOSE, "verbose" },
                  { CLI_TO, "to" },
                  { CLI_STEPS, "steps" },
                  { CLI_LOCK_TIMEOUT, "lock-timeout" },
                  { CLI_FORMAT, "format" },
                  { CLI_YES, "yes" },
                  { CLI_HELP, "help" },
                  { CLI_MIN, "min" } };
    wb_buf_str(b, a->command ? a->command->name : "-");
    for (uint32_t i = 0; i < a->positional_count; i++)
        wb_buf_addf(b, " [%s]", a->positionals[i]);
    for (size_t i = 0; i < WB_COUNT(flags); i++) {
        cli_id id = flags[i].id;
        if (!a->count[id])
            continue;
        wb_buf_addf(b, " %s", flags[i].name);
        for (uint32_t k = 0; a->list[id] && k < a->count[id]; k++)
            wb_buf_addf(b, "%c%s", k ? ',' : '=', a->list[id][k]);
        if (!a->list[id] && a->text[id] && *a->text[id])
            wb_buf_addf(b, "=%s", a->text[id]);
        if (!a->list[id] && a->count[id] > 1)
            wb_buf_addf(b, "x%u", a->count[id]);
    }
}

static const struct good_row {
    const char *name, *words, *want;
} good_rows[] = {
    { "command_alone", "up", "up" },
    { "aliases_are_commands", "migrate", "up" },
    { "flags_stand_before_the_command", "--url x --json up", "up url=x json" },
    { "flags_stand_behind_the_command", "up --url x --json", "up url=x json" },
    { "value_behind_an_equal_sign", "up --url=x=y", "up url=x=y" },
    { "empty_value_behind_an_equal_sign", "up --url=", "up url" },
    { "letter_with_its_value_apart", "up -u x", "up url=x" },
    { "letter_with_its_value_attached", "up -ux", "up url=x" },
    { "letter_with_an_equal_sign", "up -u=x", "up url=x" },
    { "letters_in_one_word", "-qv up", "up quiet verbose" },
    { "bundle_ends_with_a_value", "-qu x up", "up url=x quiet" },
    { "verbose_counts", "up -vv -v", "up verbosex3" },
    { "lists_grow", "up -n a --namespace=b --module c", "up namespace=a,b,c" },
    { "aliases_of_a_flag", "up --root a --path b -d c", "up dir=a,b,c" },
    { "last_of_a_single_flag_counts", "up --url a --url b", "up url=bx2" },
    { "positional_number", "up 2", "up [2]" },
    { "negative_number_is_no_flag", "force -1", "force [-1]" },
    { "negative_number_behind_a_namespace", "force core -1", "force [core] [-1]" },
    { "double_dash_ends_flags", "force -- -1", "force [-1]" },
    { "double_dash_keeps_flags_as_words", "new -- --json", "new [--json]" },
    { "double_dash_before_the_command", "-- up", "up" },
    { "single_dash_is_a_word", "new -", "new [-]" },
    { "flag_of_a_command", "down --steps 3 --yes", "down steps=3 yes" },
    { "short_yes", "down -y", "down yes" },
    { "duration", "up --lock-timeout 1m30s", "up lock-timeout=1m30s" },
    { "choice", "status --format blocks", "status format=blocks" },
    { "negative_value_of_a_flag", "up --to -1", "up to=-1" },
    { "url_with_a_password", "up -u postgres://a:b@c/d", "up url=postgres://a:b@c/d" },
    { "help_excuses_other_mistakes", "up --bogus --help 1 2 3", "up [1] help" },
    { "help_without_a_command", "--help", "- help" },
    { "nothing_at_all", "", "-" },
    { "empty_positional", "new ''", "new []" },
    { "min_may_be_repeated", "check --min core=1 --min a=2", "check min=core=1,a=2" },
};

static void words_are_understood(void **state)
{
    const struct good_row *row = *state;
    char room[256];
    WB_AUTOARENA wb_arena mem = { NULL };
    wbl_error err = { .version = WBL_ERROR_VERSION };
    cli_args args;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    int rc = parse(row->words, room, sizeof room, &mem, &err, &args);
    if (rc != 0)
        fail_msg("%s", err.message);
    describe(&args, &b);
    assert_string_equal(wb_buf_cstr(&b), row->want);
}

static const struct bad_row {
    const char *name, *words, *message;
} bad_rows[] = {
    { "unknown_command_with_a_likely_one", "stauts", "no command `stauts`; did you mean `status`?" },
    { "unknown_command_like_none", "frobnicate", "no command `frobnicate`" },
    { "alias_is_proposed_too", "rolback", "did you mean `rollback`?" },
    { "unknown_flag_with_a_likely_one", "up --nmespace x", "no flag `--nmespace`; did you mean `--namespace`?" },
    { "flag_of_another_command", "up --confirm x", "`up` has no flag `--confirm`; it belongs to `drop`" },
    { "command_flag_before_its_command", "--steps 3 down", "`--steps` goes behind its command: `down`" },
    { "long_name_with_one_dash", "-url x up", "no flag `-url`; did you mean `--url`?" },
    { "unknown_letter", "up -Z", "no flag `-Z`" },
    { "unknown_letter_in_a_bundle", "up -qZ", "no flag `-Z`" },
    { "value_is_missing_at_the_end", "up --url", "`--url` needs a value: --url URL" },
    { "value_is_missing_before_a_flag", "up --url --json", "`--url` needs a value" },
    { "letter_without_its_value", "up -u", "`--url` needs a value" },
    { "switch_with_a_value", "up --json=yes", "`--json` takes no value" },
    { "number_that_is_none", "down --steps two", "`--steps` wants a number, not `two`" },
    { "number_that_is_negative", "down --steps -2", "`--steps` wants a number, not `-2`" },
    { "number_that_is_too_large", "down --steps 99999999999999999999", "wants a number" },
    { "duration_without_unit", "up --lock-timeout 5",
      "`--lock-timeout` wants a time such as 500ms, 30s or 5m, not `5`" },
    { "choice_that_is_none", "status --format html", "`--format` is one of table|blocks, not `html`" },
    { "too_few_words", "goto", "`goto` needs more: whimbrel goto [NS] V" },
    { "too_many_words", "up 1 2", "`up` does not know what to do with `2`" },
    { "password_is_never_repeated", "postgres://a:secret@c/d up", "no command `postgres://a:******@c/d`" },
    { "password_of_an_unknown_flag_neither", "up --dsn=postgres://a:secret@c/d", "no flag `--dsn`" },
    { "password_among_too_many_words", "status postgres://a:secret@c/d", "`postgres://a:******@c/d`" },
    { "first_mistake_counts", "up --bogus --json --wrong", "no flag `--bogus`" },
};

static void mistakes_are_named(void **state)
{
    const struct bad_row *row = *state;
    char room[256];
    WB_AUTOARENA wb_arena mem = { NULL };
    wbl_error err = { .version = WBL_ERROR_VERSION };
    cli_args args;
    assert_int_equal(parse(row->words, room, sizeof room, &mem, &err, &args), WBL_E_INVALID);
    if (!strstr(err.message, row->message))
        fail_msg("\"%s\" is not in \"%s\"", row->message, err.message);
    assert_null(strstr(err.message, "secret"));
    assert_null(strstr(err.hint, "secret"));
}

static void json_is_known_behind_a_mistake(void **state)
{
    (void)state;
    char room[256];
    WB_AUTOARENA wb_arena mem = { NULL };
    wbl_error err = { .version = WBL_ERROR_VERSION };
    cli_args args;
    assert_int_equal(parse("up --bogus 1 2 3 --json", room, sizeof room, &mem, &err, &args), WBL_E_INVALID);
    assert_int_equal(args.count[CLI_JSON], 1);
    assert_string_equal(args.command->name, "up");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        char room[256];
        wb_arena mem = { NULL };
        wbl_error err = { .version = WBL_ERROR_VERSION };
        cli_args args;
        wb_alloc_fail_at(k);
        int rc = parse("up -n a -d b 3 --lock-timeout 3s", room, sizeof room, &mem, &err, &args);
        bool is_last = wb_alloc_fail_at(0) < k;
        wb_arena_done(&mem);
        assert_int_equal(wb_alloc_live(), 0);
        if (is_last) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
    }
}

/* ---- the table itself ---- */

/* A letter or a name that two flags of one command share would hide one of them. */
static void flags_of_a_command_do_not_clash(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cli_native.command_count; i++) {
        const cli_command *c = &cli_native.commands[i];
        for (uint32_t k = 0; k < c->flag_count + cli_native.global_count; k++)
            for (uint32_t m = 0; m < k; m++) {
                const cli_flag *a = k < c->flag_count ? &c->flags[k] : &cli_native.globals[k - c->flag_count];
                const cli_flag *b = m < c->flag_count ? &c->flags[m] : &cli_native.globals[m - c->flag_count];
                assert_false(a->letter && a->letter == b->letter);
                assert_string_not_equal(a->name, b->name);
                assert_false(cli_has_word(a->aliases, b->name, strlen(b->name)));
                assert_int_not_equal(a->id, b->id);
            }
    }
}

static void commands_are_complete(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cli_native.command_count; i++) {
        const cli_command *c = &cli_native.commands[i];
        assert_non_null(c->run);
        assert_true(*c->line && *c->text && c->positional_min <= c->positional_max);
        assert_true(wb_starts(c->example, "whimbrel "));
        assert_ptr_equal(cli_command_find(&cli_native, c->name), c);
        for (const char *a = c->see; *a;) {
            size_t n = strcspn(a, " ");
            char name[32];
            wb_copy_text(name, sizeof name, a, n);
            assert_non_null(cli_command_find(&cli_native, name));
            a += n + (a[n] == ' ');
        }
        for (uint32_t k = 0; k < c->flag_count; k++)
            assert_true((c->flags[k].kind == CLI_SWITCH) == (c->flags[k].value == NULL));
    }
}

/* What stands in the help must be taken by the parser. */
static void examples_are_understood(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cli_native.command_count; i++)
        for (const char *line = cli_native.commands[i].example; *line;) {
            size_t n = strcspn(line, "\n"), len = strcspn(line, "\n#&>");
            char one[256], room[256];
            wb_copy_text(one, sizeof one, line + strlen("whimbrel "), len - strlen("whimbrel "));
            for (char *p = strchr(one, '"'); p; p = strchr(p, '"')) { /* "add email" is one word */
                char *end = strchr(p + 1, '"');
                assert_non_null(end);
                for (char *q = p; q < end; q++)
                    *q = *q == ' ' ? '_' : *q;
                *p = *end = '_';
            }
            WB_AUTOARENA wb_arena mem = { NULL };
            wbl_error err = { .version = WBL_ERROR_VERSION };
            cli_args args;
            if (parse(one, room, sizeof room, &mem, &err, &args) != 0)
                fail_msg("%s: %s", one, err.message);
            line += n + (line[n] == '\n');
        }
}

/* ---- secrets in the process title ---- */

static const struct hide_row {
    const char *name, *word, *want;
} hide_rows[] = {
    { "password_of_a_url", "postgres://app:pw@db/shop", "postgres://app:**@db/shop" },
    { "last_at_ends_the_password", "postgres://app:p@ss@db/shop", "postgres://app:****@db/shop" },
    { "url_behind_an_equal_sign", "--url=mysql://a:secret@h/d", "--url=mysql://a:******@h/d" },
    { "go_form_without_scheme", "user:pw@tcp(host:3306)/db", "user:**@tcp(host:3306)/db" },
    { "keyword_value", "host=h password=secret dbname=d", "host=h password=****** dbname=d" },
    { "keyword_value_quoted", "host=h password='a b\\' c' dbname=d", "host=h password='*******' dbname=d" },
    { "keyword_value_with_blanks", "host=h password = secret", "host=h password = ******" },
    { "escaped_blank", "password=a\\ b host=h", "password=**** host=h" },
    { "parameter_of_a_query", "postgres://h/d?sslmode=require&password=secret&x=y",
      "postgres://h/d?sslmode=require&password=******&x=y" },
    { "keys_in_capitals", "PASSWORD=x", "PASSWORD=*" },
    { "other_key_that_ends_like_it", "nopassword=x", "nopassword=x" },
    { "file_url_is_left_alone", "sqlite:/tmp/app.db", "sqlite:/tmp/app.db" },
    { "user_alone_is_left_alone", "postgres://app@db:5432/shop", "postgres://app@db:5432/shop" },
    { "plain_word", "status", "status" },
    { "empty_word", "", "" },
};

static void secrets_are_covered(void **state)
{
    const struct hide_row *row = *state;
    char word[128];
    wb_copy_text(word, sizeof word, row->word, strlen(row->word));
    cli_hide_secrets(word);
    assert_string_equal(word, row->want);
}

static const struct scrub_row {
    const char *name, *word, *message, *want;
} scrub_rows[] = {
    { "message_repeats_a_url", "u://a:secret@h", "no version `u://a:secret@h`", "no version `u://a:******@h`" },
    { "message_repeats_it_twice", "u://a:secret@h", "secret, secret", "******, ******" },
    { "message_that_was_cut", "u://a:secret@h", "no version `u://a:secr", "no version `u://a:****" },
    { "two_secrets_in_a_word", "u://a:one@h?password=two", "one two", "*** ***" },
    { "short_one_would_hide_half_of_the_text", "u://a:b@h", "a bad b", "a bad b" },
    { "word_without_a_secret", "status", "status", "status" },
};

static void secrets_are_kept_out_of_messages(void **state)
{
    const struct scrub_row *row = *state;
    char shown[128], text[128];
    wb_copy_text(shown, sizeof shown, row->word, strlen(row->word));
    wb_copy_text(text, sizeof text, row->message, strlen(row->message));
    cli_hide_secrets(shown);
    const char *word = row->word, *masked = shown, *secret;
    size_t len;
    while ((secret = cli_next_secret(&word, &masked, &len)))
        cli_scrub(text, secret, len);
    assert_string_equal(text, row->want);
}

/* ---- exit codes ---- */

static const struct exit_row {
    const char *name;
    int rc, signal_number;
    const char *hint;
    int want;
} exit_rows[] = {
    { "done_is_0", WBL_OK, 0, "", 0 },
    { "nothing_to_do_is_0", WBL_NO_CHANGE, 0, "", 0 },
    { "failed_check_is_3", WBL_CHECK_FAILED, 0, "", 3 },
    { "wrong_usage_is_2", WBL_E_INVALID, 0, "", 2 },
    { "locked_is_4", WBL_E_LOCKED, 0, "", 4 },
    { "unknown_state_is_5", WBL_E_STATE, 0, "", 5 },
    { "unknown_outcome_is_5", WBL_E_OUTCOME, 0, "", 5 },
    { "interrupt_is_130", WBL_E_CANCELLED, 2, "", 130 },
    { "terminate_is_143", WBL_E_CANCELLED, 15, "", 143 },
    { "drift_is_1", WBL_E_DRIFT, 0, "", 1 },
    { "statement_is_1", WBL_E_STATEMENT, 0, "", 1 },
    { "missing_confirmation_is_2", WBL_E_REFUSED, 0, "Say yes with --yes.", 2 },
    { "missing_name_is_2", WBL_E_REFUSED, 0, "Confirm with the name: --confirm x", 2 },
    { "dependency_is_1", WBL_E_REFUSED, 0, "Revert billing first, or use --force.", 1 },
    { "success_beats_a_late_signal", WBL_OK, 2, "", 0 },
};

static void exit_codes_are_as_documented(void **state)
{
    const struct exit_row *row = *state;
    wbl_error err = { .version = WBL_ERROR_VERSION, .code = row->rc };
    wb_copy_text(err.hint, sizeof err.hint, row->hint, strlen(row->hint));
    assert_int_equal(cli_exit_code(row->rc, &err, row->signal_number), row->want);
}

int main(void)
{
    struct CMUnitTest tests[WB_COUNT(good_rows) + WB_COUNT(bad_rows) + WB_COUNT(hide_rows) + WB_COUNT(scrub_rows) +
                            WB_COUNT(exit_rows) + 8];
    size_t n = 0;
    memset(tests, 0, sizeof tests);
    ROW_TESTS(good_rows, words_are_understood)
    ROW_TESTS(bad_rows, mistakes_are_named)
    ROW_TESTS(hide_rows, secrets_are_covered)
    ROW_TESTS(scrub_rows, secrets_are_kept_out_of_messages)
    ROW_TESTS(exit_rows, exit_codes_are_as_documented)
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(json_is_known_behind_a_mistake);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_allocation_may_fail);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(flags_of_a_command_do_not_clash);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(commands_are_complete);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(examples_are_understood);
    return _cmocka_run_group_tests("cli/args", tests, n, NULL, NULL);
}
