/*
 * commands.c - THE table: every command and every flag of the native command line.
 *
 * The parser, --help, completion, docs/commands.md and the man page are made from these rows. To add a command: write
 * its row, its file with cli_run_<name>(), and run `meson compile -C build docs`.
 * In texts, `backticks` mark what is typed.
 */
#include "cli/cli.h"

#define FLAGS(list) .flags = (list), .flag_count = WB_COUNT(list)

static const cli_flag globals[] = {
    { CLI_URL, CLI_TEXT, 'u', "url", "database", "URL", "the database: postgres://..., mysql://..., sqlite:app.db" },
    { CLI_DIR, CLI_LIST, 'd', "dir", "root path", "DIR", "directory of migration files (default: migrations)" },
    { CLI_NAMESPACE, CLI_LIST, 'n', "namespace", "module", "NS", "only this namespace; may be repeated" },
    { CLI_CONFIG, CLI_TEXT, 'c', "config", "", "FILE", "configuration file (default: whimbrel.yaml, config.yaml)" },
    { CLI_CHDIR, CLI_TEXT, 'C', "chdir", "", "DIR", "work in this directory" },
    { CLI_TARGET, CLI_TEXT, 0, "target", "", "NAME", "one of the targets in the configuration" },
    { CLI_PROFILE, CLI_TEXT, 0, "profile", "", "NAME", "shape of the ledger: native, axcom, golang-migrate" },
    { CLI_FILES_FORMAT, CLI_TEXT, 0, "files-format", "", "NAME", "format of the files: pairs, single" },
    { CLI_LEDGER, CLI_TEXT, 0, "ledger", "", "TABLE", "name of the ledger: NAME or SCHEMA.NAME" },
    { CLI_PASSWORD_FILE, CLI_TEXT, 0, "password-file", "", "FILE", "read the password from the first line of a file" },
    { CLI_LOCK_TIMEOUT, CLI_DURATION, 0, "lock-timeout", "", "TIME",
      "wait so long for another run (default: 5m; 0: not at all)" },
    { CLI_CONNECT_TIMEOUT, CLI_DURATION, 0, "connect-timeout", "", "TIME",
      "wait so long for a connection (default: 10s)" },
    { CLI_STATEMENT_TIMEOUT, CLI_DURATION, 0, "statement-timeout", "", "TIME", "stop a statement that takes longer" },
    { CLI_DDL_LOCK_TIMEOUT, CLI_DURATION, 0, "ddl-lock-timeout", "", "TIME",
      "a statement's wait for a table lock (default: 5s)" },
    { CLI_DDL_LOCK_TRIES, CLI_NUMBER, 0, "ddl-lock-tries", "", "N", "how often such a wait is tried (default: 3)" },
    { CLI_GROUP, CLI_NUMBER, 0, "group", "", "N", "at most N migrations in one message; 1: no groups" },
    { CLI_JSON, CLI_SWITCH, 0, "json", "", NULL, "print one JSON document" },
    { CLI_EVENTS, CLI_SWITCH, 0, "events", "", NULL, "print one line of JSON for each event" },
    { CLI_QUIET, CLI_SWITCH, 'q', "quiet", "", NULL, "print nothing but errors" },
    { CLI_VERBOSE, CLI_SWITCH, 'v', "verbose", "", NULL, "print more: notices of the server, notes, every migration" },
    { CLI_NO_COLOR, CLI_SWITCH, 0, "no-color", "", NULL, "no colour; NO_COLOR in the environment does the same" },
    { CLI_YES, CLI_SWITCH, 'y', "yes", "", NULL, "yes to what would be asked" },
    { CLI_HELP, CLI_SWITCH, 'h', "help", "", NULL, "help for the command" },
    { CLI_VERSION, CLI_SWITCH, 'V', "version", "", NULL, "version of the program" },
};

/* ---- flags of single commands ---- */

#define FLAG_DRY_RUN                                                                                                   \
    {                                                                                                                  \
        CLI_DRY_RUN, CLI_SWITCH, 0, "dry-run", "", NULL, "show what would run, and change nothing"                     \
    }
#define FLAG_OUT_OF_ORDER                                                                                              \
    {                                                                                                                  \
        CLI_OUT_OF_ORDER, CLI_CHOICE, 0, "out-of-order", "", "apply|error|ignore",                                     \
            "what to do with files older than what is applied"                                                         \
    }
#define FLAG_NEWER                                                                                                     \
    {                                                                                                                  \
        CLI_NEWER, CLI_CHOICE, 0, "newer", "", "ok|warn|error", "what to say of a database newer than the files"       \
    }
#define FLAG_ONLY                                                                                                      \
    {                                                                                                                  \
        CLI_ONLY, CLI_SWITCH, 0, "only", "", NULL, "refuse to run what the namespaces require as well"                 \
    }

static const cli_flag up_flags[] = {
    { CLI_TO, CLI_TEXT, 0, "to", "", "V", "up to and including this version" },
    FLAG_ONLY,
    FLAG_DRY_RUN,
    FLAG_OUT_OF_ORDER,
    FLAG_NEWER,
    { CLI_PLAN, CLI_TEXT, 0, "plan", "", "FILE", "run exactly this plan of `whimbrel plan --out`, or refuse" },
    { CLI_RETRY_FAILED, CLI_SWITCH, 0, "retry-failed", "", NULL,
      "try a failed migration again where the profile blocks it" },
};

static const cli_flag down_flags[] = {
    { CLI_STEPS, CLI_NUMBER, 0, "steps", "", "N", "how many; the same as [N]" },
    { CLI_TO, CLI_TEXT, 0, "to", "", "V", "down to this version, which stays applied" },
    { CLI_ALL, CLI_SWITCH, 0, "all", "", NULL, "everything; asks first" },
    { CLI_FORCE, CLI_SWITCH, 0, "force", "", NULL, "although an applied migration elsewhere depends on it" },
    FLAG_DRY_RUN,
};

static const cli_flag goto_flags[] = {
    FLAG_DRY_RUN,
    { CLI_FORCE, CLI_SWITCH, 0, "force", "", NULL, "although an applied migration elsewhere depends on one of them" },
};

static const cli_flag redo_flags[] = {
    { CLI_FORCE, CLI_SWITCH, 0, "force", "", NULL, "although an applied migration elsewhere depends on it" },
};

static const cli_flag plan_flags[] = {
    { CLI_OUT, CLI_TEXT, 'o', "out", "", "FILE", "keep the plan in this file, for `whimbrel up --plan FILE`" },
    { CLI_SQL, CLI_SWITCH, 0, "sql", "", NULL, "print the scripts as well" },
    { CLI_TO, CLI_TEXT, 0, "to", "", "V", "up to and including this version" },
    FLAG_ONLY,
    FLAG_OUT_OF_ORDER,
    FLAG_NEWER,
};

static const cli_flag status_flags[] = {
    { CLI_EXIT_CODE, CLI_SWITCH, 0, "exit-code", "", NULL, "exit with 3 when something is pending, failed or unknown" },
    { CLI_FORMAT, CLI_CHOICE, 0, "format", "", "table|blocks", "a table, or one block of lines for each namespace" },
};

static const cli_flag validate_flags[] = {
    { CLI_FILES_ONLY, CLI_SWITCH, 0, "files-only", "", NULL, "do not connect to the database" },
};

static const cli_flag check_flags[] = {
    { CLI_MIN, CLI_LIST, 0, "min", "", "NS=V", "this namespace must be at least at this version; may be repeated" },
    { CLI_CURRENT, CLI_SWITCH, 0, "current", "", NULL, "nothing may be pending" },
};

static const cli_flag wait_flags[] = {
    { CLI_TIMEOUT, CLI_DURATION, 0, "timeout", "", "TIME", "give up after so long (default: 60s)" },
    { CLI_FOR, CLI_LIST, 0, "for", "", "NS=V", "until this namespace is at least at this version; may be repeated" },
};

static const cli_flag baseline_flags[] = {
    { CLI_AT, CLI_TEXT, 0, "at", "", "V", "the version; the same as [V]" },
};

static const cli_flag repair_flags[] = {
    { CLI_MARK_APPLIED, CLI_SWITCH, 0, "mark-applied", "", NULL, "record it as applied" },
    { CLI_MARK_REVERTED, CLI_SWITCH, 0, "mark-reverted", "", NULL, "record it as not applied" },
    { CLI_ACCEPT_FILE, CLI_SWITCH, 0, "accept-file", "", NULL, "the file as it is now is what was applied" },
    { CLI_STATEMENT, CLI_NUMBER, 0, "statement", "", "N", "the statement that the next two flags are about" },
    { CLI_DID_RUN, CLI_SWITCH, 0, "did-run", "", NULL, "it took effect: the next run goes on behind it" },
    { CLI_DID_NOT_RUN, CLI_SWITCH, 0, "did-not-run", "", NULL, "it did not: the next run sends it again" },
};

static const cli_flag drop_flags[] = {
    { CLI_CONFIRM, CLI_TEXT, 0, "confirm", "", "DBNAME", "the name of the database (of SQLite: of the file)" },
};

static const cli_flag new_flags[] = {
    { CLI_TIMESTAMP, CLI_SWITCH, 0, "timestamp", "", NULL, "the time as version: 20261102093000" },
    { CLI_SEQ, CLI_SWITCH, 0, "seq", "", NULL, "the next number as version" },
    { CLI_RENUMBER, CLI_TEXT, 0, "renumber", "", "FILE", "give this file, whose version is taken, the next one" },
};

/* ---- commands ---- */

const char *const cli_group_titles[CLI_GROUP_COUNT] = {
    [CLI_EVERY_DAY] = "Every day",
    [CLI_LOOK] = "Look and check",
    [CLI_WAY_OUT] = "Records and ways out",
    [CLI_PROJECT] = "The project",
};

static const cli_command commands[] = {
    {
        .name = "up",
        .aliases = "migrate",
        .group = CLI_EVERY_DAY,
        .needs = CLI_NEEDS_RUN,
        .positional_max = 1,
        .usage = "[N]",
        .line = "apply pending migrations",
        .text =
            "Applies what is pending, in order, and stops at the first failure; with N at most so many. Where the "
            "database "
            "can, each migration and its record are one transaction, so a failure leaves nothing behind and the next "
            "`whimbrel up` simply tries again.\n\n"
            "With --namespace, what those namespaces require is applied first, and the output says so; --only refuses "
            "instead.\n\n"
            "Another run that holds the lock is waited for (--lock-timeout). SIGINT and SIGTERM stop cleanly.",
        FLAGS(up_flags),
        .example = "whimbrel up\n"
                   "whimbrel up 1                        # only the next one\n"
                   "whimbrel up --namespace billing --to 000003\n"
                   "whimbrel up --plan release.plan      # exactly what was reviewed",
        .see = "plan status down",
        .run = cli_run_up,
    },
    {
        .name = "down",
        .aliases = "rollback",
        .group = CLI_EVERY_DAY,
        .needs = CLI_NEEDS_RUN,
        .positional_max = 1,
        .usage = "[N]",
        .line = "revert the last migration, or the last N",
        .text =
            "Runs the down scripts of the last migrations, newest first: one, N, down to a version that stays applied "
            "(--to), or all. When a file is gone, the down script that was stored when it was applied is used.\n\n"
            "It refuses when an applied migration of another namespace depends on what would be reverted. `down "
            "--all`, "
            "and any `down` on a target that is marked `protected`, asks first; where nobody can answer, --yes is "
            "needed.",
        FLAGS(down_flags),
        .example = "whimbrel down\n"
                   "whimbrel down 2 --namespace identity\n"
                   "whimbrel down --to 000003 --dry-run\n"
                   "whimbrel down --all --yes",
        .see = "up redo goto",
        .run = cli_run_down,
    },
    {
        .name = "goto",
        .aliases = "",
        .group = CLI_EVERY_DAY,
        .needs = CLI_NEEDS_RUN,
        .positional_min = 1,
        .positional_max = 2,
        .usage = "[NS] V",
        .line = "go to a version, up or down",
        .text = "Applies or reverts, whichever is needed, so that V is the current version of one namespace.",
        FLAGS(goto_flags),
        .example = "whimbrel goto 000004\n"
                   "whimbrel goto billing 000002 --dry-run",
        .see = "up down",
        .run = cli_run_goto,
    },
    {
        .name = "redo",
        .aliases = "",
        .group = CLI_EVERY_DAY,
        .needs = CLI_NEEDS_RUN,
        .positional_max = 1,
        .usage = "[N]",
        .line = "revert the last migration and apply it again",
        .text = "Runs down and then up of the last migration, or of the last N: for work on a migration that is not "
                "released yet. The file may have been edited in between.",
        FLAGS(redo_flags),
        .example = "whimbrel redo\n"
                   "whimbrel redo 2",
        .see = "down up",
        .run = cli_run_redo,
    },
    {
        .name = "plan",
        .aliases = "",
        .group = CLI_EVERY_DAY,
        .needs = CLI_NEEDS_HANDLE,
        .positional_max = 1,
        .usage = "[N]",
        .line = "show what up would do",
        .text =
            "Shows the migrations that `whimbrel up` would run, in order, in which way (atomic: in one transaction "
            "with "
            "its record; stepwise: statement by statement, each recorded) and why, with warnings such as a missing "
            "down "
            "script. Nothing is changed and no lock is taken.\n\n"
            "--out keeps the plan in a file. `whimbrel up --plan FILE` runs exactly that, and refuses when files or "
            "database have changed since.",
        FLAGS(plan_flags),
        .example = "whimbrel plan\n"
                   "whimbrel plan --sql\n"
                   "whimbrel plan --out release.plan && whimbrel up --plan release.plan",
        .see = "up validate",
        .run = cli_run_plan,
    },
    {
        .name = "status",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "where each namespace stands",
        .text = "For each namespace: the current version, the latest version among the files, how many are pending, "
                "and the one "
                "thing to know: ok, pending, failed, unknown, dirty, disabled. With -v every migration is listed.\n\n"
                "It takes no lock and creates nothing, so it works beside a run and on an empty database.",
        FLAGS(status_flags),
        .example = "whimbrel status\n"
                   "whimbrel status --exit-code -q       # in a script: is there anything to do?\n"
                   "whimbrel status --format blocks\n"
                   "whimbrel status --json",
        .see = "version history plan",
        .run = cli_run_status,
    },
    {
        .name = "version",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .positional_max = 1,
        .usage = "[NS]",
        .line = "current version of the database",
        .text =
            "Prints the current version: one word when there is one namespace, else a line for each. A dash says that "
            "nothing is applied. The version of the program is `whimbrel --version`.",
        .example = "whimbrel version\n"
                   "whimbrel version billing",
        .see = "status",
        .run = cli_run_version,
    },
    {
        .name = "history",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .positional_max = 1,
        .usage = "[N]",
        .line = "all attempts, newest first",
        .text =
            "Every attempt at anything: up, down, force, baseline, repair, with its outcome, duration, who ran it and "
            "the error; with N the newest so many.",
        .example = "whimbrel history\n"
                   "whimbrel history 20 --namespace billing",
        .see = "status",
        .run = cli_run_history,
    },
    {
        .name = "validate",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "check the files, alone and against the ledger",
        .text =
            "Looks for duplicate versions, gaps, missing down scripts, files that were edited after they were applied, "
            "cycles and missing requirements. Everything is shown at once. Exits with 3 when there is an error; "
            "warnings alone exit with 0.",
        FLAGS(validate_flags),
        .example = "whimbrel validate\n"
                   "whimbrel validate --files-only       # in a pipeline without a database",
        .see = "verify plan repair",
        .run = cli_run_validate,
    },
    {
        .name = "verify",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "check the database against what the last run left",
        .text = "Compares the live database with the catalog that was recorded after the last run: missing or changed "
                "tables, columns and indexes, and indexes that are invalid. Exits with 3 when they differ.",
        .example = "whimbrel verify\n"
                   "whimbrel verify --namespace billing",
        .see = "validate status",
        .run = cli_run_verify,
    },
    {
        .name = "check",
        .aliases = "quickcheck",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "quick check at the start of a service",
        .text =
            "One round trip: does the ledger exist, and is the schema new enough? Without flags the namespace `core`, "
            "where there is one, must be at least at version 1. Exits with 3 when not. It creates nothing and opens no "
            "migration file, unless --current asks whether something is pending.",
        FLAGS(check_flags),
        .example = "whimbrel check\n"
                   "whimbrel check --min core=2 --min billing=000003\n"
                   "whimbrel check --current",
        .see = "wait status",
        .run = cli_run_check,
    },
    {
        .name = "wait",
        .aliases = "",
        .group = CLI_LOOK,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "wait until the database answers, or has a version",
        .text = "Waits until the database answers; with --for also until the namespaces are at least at these "
                "versions: what "
                "a service does while one job migrates. It only reads. Exits with 1 when the time is over.",
        FLAGS(wait_flags),
        .example = "whimbrel wait --timeout 60s && whimbrel up\n"
                   "whimbrel wait --for core=2 --for billing=000003",
        .see = "check",
        .run = cli_run_wait,
    },
    {
        .name = "baseline",
        .aliases = "",
        .group = CLI_WAY_OUT,
        .needs = CLI_NEEDS_RUN,
        .positional_max = 2,
        .usage = "[NS] V",
        .line = "take over a database that has no history",
        .text =
            "Records all versions up to V as applied, without running them: for a database whose tables exist already. "
            "From then on `whimbrel up` applies what is newer.",
        FLAGS(baseline_flags),
        .example = "whimbrel baseline 000003\n"
                   "whimbrel baseline billing --at 000002",
        .see = "force status",
        .run = cli_run_baseline,
    },
    {
        .name = "force",
        .aliases = "",
        .group = CLI_WAY_OUT,
        .needs = CLI_NEEDS_RUN,
        .positional_min = 1,
        .positional_max = 2,
        .usage = "[NS] V",
        .line = "set the recorded version, and run nothing",
        .text = "Makes V the current version of one namespace: everything up to it is recorded as applied, everything "
                "above "
                "as not, and the dirty flag is cleared. Nothing runs. -1: nothing is applied. `whimbrel repair` is the "
                "finer "
                "tool when a single migration is in doubt. A target that is marked `protected` needs --yes.",
        .example = "whimbrel force 000004\n"
                   "whimbrel force billing 000002\n"
                   "whimbrel force -1",
        .see = "repair baseline",
        .run = cli_run_force,
    },
    {
        .name = "repair",
        .aliases = "",
        .group = CLI_WAY_OUT,
        .needs = CLI_NEEDS_RUN,
        .positional_max = 2,
        .usage = "[[NS] V]",
        .line = "say what happened when nobody else can know",
        .text = "Alone it shows what is known of failed, unknown and edited migrations, and what to type. With a "
                "version and one "
                "of the flags it records a person's decision; nothing is run.\n\n"
                "--accept-file is for a file that was edited after it was applied while the database was changed by "
                "hand to "
                "match it.",
        FLAGS(repair_flags),
        .example = "whimbrel repair                      # what is known\n"
                   "whimbrel repair 000007 --statement 3 --did-run\n"
                   "whimbrel repair core 000002 --accept-file",
        .see = "status history force",
        .run = cli_run_repair,
    },
    {
        .name = "drop",
        .aliases = "",
        .group = CLI_WAY_OUT,
        .needs = CLI_NEEDS_RUN,
        .usage = "--confirm DBNAME",
        .line = "remove everything from a database",
        .text = "Drops every object of the schema that the connection works in, with its data: tables, views, "
                "functions, the "
                "ledger, the history. Nothing brings them back, so the name of the database must be repeated.",
        FLAGS(drop_flags),
        .example = "whimbrel drop --confirm shop_test",
        .see = "down",
        .run = cli_run_drop,
    },
    {
        .name = "init",
        .aliases = "",
        .group = CLI_PROJECT,
        .needs = CLI_NEEDS_NOTHING,
        .usage = "",
        .line = "begin a project: configuration and first migration",
        .text =
            "Writes a `whimbrel.yaml` with remarks and, where there are no migrations yet, a first one. What exists is "
            "found and never overwritten.",
        .example = "whimbrel init\n"
                   "whimbrel init --url sqlite:app.db",
        .see = "new config",
        .run = cli_run_init,
    },
    {
        .name = "new",
        .aliases = "create",
        .group = CLI_PROJECT,
        .needs = CLI_NEEDS_HANDLE,
        .positional_max = 2,
        .usage = "[NS] NAME",
        .line = "write the files of the next migration",
        .text =
            "Creates an up and a down file with the next version, in the style of the directory (numbers or times, as "
            "many digits as there are), and prints their paths. NAME becomes snake_case.\n\n"
            "--renumber FILE is for two branches that took the same version: the file gets the next one.",
        FLAGS(new_flags),
        .example = "whimbrel new \"add email to users\"\n"
                   "whimbrel new identity add_last_login\n"
                   "whimbrel new --renumber migrations/identity/000004_tokens.up.sql",
        .see = "init up",
        .run = cli_run_new,
    },
    {
        .name = "config",
        .aliases = "",
        .group = CLI_PROJECT,
        .needs = CLI_NEEDS_HANDLE,
        .usage = "",
        .line = "the settings in force, and where each comes from",
        .text =
            "A flag goes before the environment (`WHIMBREL_URL`, then `DATABASE_URL`), that before the configuration "
            "file, that before the default. Passwords are hidden.",
        .example = "whimbrel config\n"
                   "whimbrel config --json",
        .see = "init",
        .run = cli_run_config,
    },
    {
        .name = "completion",
        .aliases = "",
        .group = CLI_PROJECT,
        .needs = CLI_NEEDS_NOTHING,
        .positional_min = 1,
        .positional_max = 1,
        .usage = "bash|zsh|fish",
        .line = "completion for a shell",
        .text = "Prints a script that completes commands, flags and their values.",
        .example = "whimbrel completion bash > ~/.local/share/bash-completion/completions/whimbrel\n"
                   "whimbrel completion zsh > \"${fpath[1]}/_whimbrel\"\n"
                   "whimbrel completion fish > ~/.config/fish/completions/whimbrel.fish",
        .see = "help",
        .run = cli_run_completion,
    },
    {
        .name = "help",
        .aliases = "",
        .group = CLI_PROJECT,
        .needs = CLI_NEEDS_NOTHING,
        .positional_max = 1,
        .usage = "[COMMAND]",
        .line = "this list, or the help of a command",
        .text = "Lists the commands, or shows the help of one; `whimbrel COMMAND --help` does the same.",
        .example = "whimbrel help\n"
                   "whimbrel help repair",
        .see = "completion",
        .run = cli_run_help,
    },
};

const cli_syntax cli_native = { globals, WB_COUNT(globals), commands, WB_COUNT(commands) };
