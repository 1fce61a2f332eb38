/*
 * my.h - what the files of the MySQL and MariaDB driver share: the session, the queue of a message, and who does what.
 *
 * The engine sees only `base`. Everything that is sent goes through wire.c; the other files build text and read answers.
 * Nothing outside this folder includes this file, and nothing inside it knows of migrations.
 */
#ifndef WB_MY_H
#define WB_MY_H

#include "driver/driver.h"
#include "driver/sqltext.h"
#include "sql/sql.h"

#include <mysql.h>
#include <pthread.h>

#define MY_MESSAGE_MAX ((size_t)1 << 30)    /* the most that max_allowed_packet can be (MySQL 8.4, 7.1.8) */
#define MY_LOCKS_MAX 8
#define MY_ITEMS_MAX 32
#define MY_LOCK_NAME 65                     /* GET_LOCK takes 64 characters (MySQL 8.4, 14.14) */

/* Numbers of the server that more than one file looks at; errors.c says what each of all of them means. */
enum {
    MY_ER_DUPLICATE_KEY = 1022, MY_ER_BAD_DATABASE = 1049, MY_ER_BAD_TABLE = 1051, MY_ER_DUPLICATE_ROW = 1062,
    MY_ER_SYNTAX = 1064, MY_ER_NO_SUCH_TABLE = 1146, MY_ER_NO_SUCH_SAVEPOINT = 1305, MY_ER_NOT_ROLLED_BACK = 1196,
    MY_ER_INTERRUPTED = 1317, MY_ER_OUT_OF_RANGE = 1690,
};

/* REQUIRED: whoever answers. CA: who has a certificate of the named authority. VERIFIED: and of this host. */
typedef enum my_tls { MY_TLS_UNSET, MY_TLS_OFF, MY_TLS_PREFERRED, MY_TLS_REQUIRED, MY_TLS_CA, MY_TLS_VERIFIED } my_tls;

/* Where and how to connect; all text in the session's arena. */
typedef struct my_target {
    const char *host, *user, *password, *database, *socket;
    unsigned port;                     /* 0: the library's */
    my_tls tls;
    const char *ca, *ca_path, *cert, *key, *cipher, *crl;
    bool is_cleartext_fine, is_local_infile_fine, is_compressed;
    bool takes_no_lock;                /* x-no-lock: somebody else sees to it that one run is alone */
    const char *collation;             /* of the connection; NULL: the server's for utf8mb4 */
    const char *settings;              /* "SET SESSION a = 1, SESSION b = 'x'" from the URL; NULL: none */
    const char *application, *run_id, *shown;
    int64_t connect_timeout_ms, answer_timeout_ms;
} my_target;

typedef enum my_kind { MY_BEGIN, MY_PUT, MY_COMMIT, MY_OTHER } my_kind;

/* A statement of the message that waits to be sent. Each has exactly one answer. */
typedef struct my_item {
    my_kind kind;
    uint32_t tag;
    bool is_fence, is_fuse, is_check, must_hit, only_if_empty;
    uint32_t unit;
    size_t from;                       /* its first byte in the message */
    char table[65];                    /* for messages */
} my_item;

typedef struct my_watch {              /* the thread that looks at the limits while the library reads */
    pthread_t thread;
    pthread_mutex_t lock;              /* of what follows */
    pthread_cond_t wake;
    bool has_thread, has_ended, is_on, is_over;
} my_watch;

typedef struct my_session {
    wb_session base;                   /* first: the engine holds a pointer to it */
    MYSQL *conn;                       /* NULL when a reopen() failed */
    bool is_borrowed;                  /* attach(): the connection is the caller's */
    bool is_lost;
    wb_arena mem;
    my_target target;
    const char *restore;               /* attach(): what brings the caller's character set back; NULL */
    my_bool reconnects;                /* attach(): the caller lets the library open a lost connection anew */

    /* facts of the server that open() asks for */
    size_t packet_max;
    uint32_t lock_wait_s, row_lock_wait_s; /* lock_wait_timeout and innodb_lock_wait_timeout as they were */
    char statement_limit[32];          /* max_statement_time, max_execution_time as it was */
    char current[128];                 /* database after open; "" none */

    /* what we have set of these: 0 nothing */
    uint32_t set_lock_s;
    int64_t set_statement_ms;

    pthread_mutex_t guard;             /* of the next four: cancel() comes from another thread */
    bool is_busy;                      /* a message is under way */
    _Atomic bool is_kill_sent;         /* a KILL QUERY reached the server for it */
    _Atomic bool is_cancel_asked;      /* for the message under way */
    unsigned long busy_id;             /* of the connection */

    /* the queue */
    wb_buf message;
    my_item items[MY_ITEMS_MAX];
    size_t item_count;

    /* units */
    bool is_unit_open, is_unit_sent, is_unit_failed;
    char fuse[64];                     /* name of the open unit's savepoint; "": none */
    int64_t unit_began_ms;
    uint32_t unit;                     /* number of the open unit, or of the next one */
    uint32_t committed;                /* since the last sync() that ended outside a unit */

    /* while an answer is awaited */
    wb_ctx *cx;
    int64_t statement_limit_ms;        /* 0: none */
    _Atomic int64_t answer_since_ms;   /* when the statement at hand began, as far as we know */
    _Atomic int64_t kill_sent_ms;      /* these are also looked at beside the reading of answers */
    _Atomic bool is_limit_over, is_deadline_over, has_looked_for_blocker;
    uint32_t lock_limit_s;             /* of the statement at hand; 0: not known */
    const wb_statement *statement;     /* at hand; NULL: not known */
    int64_t progress_next_ms;
    my_watch watch;

    /* locks */
    char locks[MY_LOCKS_MAX][MY_LOCK_NAME];
    size_t lock_count;
    bool has_run_lock;

    wb_arena engines_mem;              /* tables without transactions, as they were before anything was run */
    struct my_engines *engines;        /* NULL: not asked for */

    /* settings that a script may change: as they were, and where */
    wb_arena snapshot_mem;
    struct my_setting *snapshot;
    size_t snapshot_count;
} my_session;

#ifdef WB_DRIVERS_BUILTIN
#define my_driver wb_driver_mysql
#else
#define my_driver wb_driver_module
#endif
extern const wb_driver my_driver;

static inline my_session *my_of(wb_session *base) { return (my_session *)base; }
static inline bool my_is_mariadb(const my_session *s) { return s->base.server.is_mariadb; }

/* connect.c */
int my_open(wb_ctx *, const wb_open_options *, wb_session **out);
int my_attach(wb_ctx *, void *native, const wb_open_options *, wb_session **out);
void my_close(wb_session *);
int my_reopen(wb_ctx *, wb_session *);
void *my_native(wb_session *);
MYSQL *my_connect(const my_target *, int64_t timeout_ms, unsigned *number, char *why, size_t why_size); /* NULL: number and why */

/* params.c */
int my_target_read(wb_ctx *, wb_arena *, const wb_open_options *, my_target *out);

/* errors.c */
typedef struct my_error_row {
    unsigned number;
    int code;
    bool is_retryable, is_lost;        /* is_lost: the connection is gone, or must be taken for it */
    const char *what;
} my_error_row;
const my_error_row *my_error_table(size_t *count);
const my_error_row *my_error_find(unsigned number);       /* its row, or the one for all others */
int my_fail_server(wb_ctx *, my_session *, unsigned number, const char *state, const char *text, int effect);
int my_fail_lost(wb_ctx *, my_session *, const char *cause, bool is_unknown); /* the connection is gone; fills failure, too */

/* wire.c */
typedef struct my_answer {             /* one of the answers of a message */
    size_t index;
    int64_t affected;                  /* rows that it touched; an UPDATE counts those that it found, changed or not */
    unsigned warnings;
} my_answer;
typedef int (*my_row_fn)(void *user, size_t index, const wb_str *cells, size_t count);
typedef struct my_reader {
    my_row_fn row;                     /* may be NULL; a result other than 0 stops the reading and is returned */
    int (*done)(void *user, const my_answer *); /* an answer is complete; may be NULL */
    void *user;
} my_reader;
typedef struct my_outcome {            /* of a message, also of one that failed */
    size_t answers;                    /* complete ones */
    unsigned number;                   /* of the server's error; 0 none */
    my_answer last;
} my_outcome;
typedef enum my_risk { MY_RISK_NONE, MY_RISK_OUTCOME } my_risk; /* what a lost answer means */
int my_talk(wb_ctx *, my_session *, const char *text, size_t len, my_risk, const my_reader *, my_outcome *);
int my_exec(wb_ctx *, my_session *, const char *text, my_row_fn, void *user);   /* flushes first; reading only */
int my_change(wb_ctx *, my_session *, const char *text);                        /* flushes first; effect when lost: unknown */
void my_exec_quietly(my_session *, const char *text);     /* keeps error and failure as they are */
void my_failure_clear(my_session *);
int my_ready(wb_ctx *, my_session *);
void my_watch_init(my_watch *);
void my_watch_done(my_watch *);
void my_cancel(wb_session *);
bool my_in_transaction(const my_session *);
int64_t my_number(wb_str);             /* 0 for NULL */
void my_warnings_show(wb_ctx *, my_session *, const my_outcome *); /* of the last statement: the server keeps no others */

/* queue.c */
my_item *my_queue_add(wb_ctx *, my_session *, my_kind);   /* then write its one statement to s->message */
void my_queue_cut(my_session *);                          /* forget what was not sent */
void my_queue_cut_unit(my_session *);                     /* of the open unit */
int my_flush(wb_ctx *, my_session *);                     /* send the queue, await all answers */
int my_flush_with(wb_ctx *, my_session *, const wb_piece *); /* and a piece of a script behind it */
bool my_queue_has_check(const my_session *);              /* an answer must be looked at before anything else is sent */

/* execute.c */
int my_begin(wb_ctx *, wb_session *, const wb_txn *);
int my_run(wb_ctx *, wb_session *, const wb_piece *);
int my_commit(wb_ctx *, wb_session *);
int my_rollback(wb_ctx *, wb_session *);
int my_sync(wb_ctx *, wb_session *, wb_sync *out);
int my_put(wb_ctx *, wb_session *, const wb_row_op *);
int my_fail_ended(wb_ctx *, my_session *);

/* settings.c */
void my_limits_text(my_session *, wb_buf *, int64_t lock_ms, int64_t statement_ms); /* "SET ..." or nothing */
void my_limits_noted(my_session *, int64_t lock_ms, int64_t statement_ms);
int my_snapshot(wb_ctx *, my_session *);
int my_reset(wb_ctx *, wb_session *);

/* tables.c */
const wb_sqltext *my_sqltext(const my_session *);
int my_survey(wb_ctx *, wb_session *, wb_arena *, wb_survey *);
int my_create(wb_ctx *, wb_session *, const wb_table *, size_t count);
int my_rows(wb_ctx *, wb_session *, const wb_select *, size_t count);
void my_literal(wb_buf *, const my_session *, const char *text);

/* lock.c */
void my_lock_name(const my_session *, const wb_lock_key *, char out[MY_LOCK_NAME]);
void my_run_lock_name(const my_session *, char out[MY_LOCK_NAME]);
int my_unlock(wb_ctx *, wb_session *, const wb_lock_key *, size_t count);
int my_holder(wb_ctx *, wb_session *, const wb_lock_key *, size_t count, wb_holder *out);
int my_end_ghost(wb_ctx *, wb_session *, const wb_holder *);
void my_blocker_look(my_session *);                       /* through a second connection, into failure.blocker */
int my_locks_check(wb_ctx *, my_session *);               /* are they still ours? Taken again when nobody has them */

/* text.c */
typedef enum my_token_kind { MY_TOK_END, MY_TOK_WORD, MY_TOK_NAME, MY_TOK_STRING, MY_TOK_SIGN } my_token_kind;
typedef struct my_token {
    my_token_kind kind;
    wb_str text;                       /* as written */
} my_token;
typedef struct my_lexer {
    const char *p, *end;
    bool has_backslash_quotes;
    bool is_in_version_comment;
} my_lexer;
my_lexer my_lexer_of(const my_session *, wb_str text);
my_token my_next(my_lexer *);
bool my_is_word(my_token, const char *word);
bool my_is_sign(my_token, char sign);
wb_str my_statement_next(my_lexer *);                     /* up to a semicolon, without it; .p NULL: there is none */
wb_str my_statement_nth(const my_session *, wb_str text, uint32_t n); /* from 1; .p NULL: there is none */
size_t my_place(const my_session *, wb_str statement, const char *message); /* byte that a syntax error is about; SIZE_MAX */
size_t my_place_of_name(const my_session *, wb_str statement, unsigned number, const char *message); /* that an error is about; SIZE_MAX */
bool my_says(const my_session *, wb_str text, const char *name);

/* subjects.c */
typedef struct my_subject {
    const char *kind, *show;           /* as wb_sql_object.kind; the words that ask the server for it */
    wb_str schema, name;               /* as in the statement, quotes included */
    wb_str written;                    /* both of them, ready to be sent; an account with its host */
} my_subject;
typedef struct my_deed {               /* what a statement does, to what */
    wb_action action;                  /* of GRANT and REVOKE: ALTER */
    bool if_exists, replaces, is_temporary;
    wb_str index;                      /* CREATE INDEX, DROP INDEX: its name; the table is the subject */
    my_subject *subjects;              /* a name and behind it the new one, of RENAME and of ALTER ... RENAME */
    size_t count;
    wb_sql_clause *clauses;            /* of ALTER TABLE, and the one of an index statement */
    size_t clause_count;
} my_deed;
int my_deed_read(wb_ctx *, const my_session *, wb_arena *, const wb_statement *, my_deed *out);

/* look.c */
int my_look(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out);
int my_probe(wb_ctx *, wb_session *, const wb_statement *, const char *looked, wb_probe *out);
int my_clean(wb_ctx *, wb_session *, const wb_statement *);

/* foresee.c */
int my_foresee(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out);

/* engines.c */
void my_engines_forget(my_session *);                     /* what is kept may not be true any more */
int my_uncovered(wb_ctx *, wb_session *, const char *text, size_t len, wb_arena *, const char **out);

/* catalog.c */
int my_catalog(wb_ctx *, wb_session *, const wb_catalog_options *, wb_arena *, wb_object **out, size_t *count);
int my_drop_all(wb_ctx *, wb_session *);

#endif
