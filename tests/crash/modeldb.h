/*
 * modeldb.h - a database that exists only in memory, behind the driver interface, in which every call can be made to fail.
 *
 * The world is what the database knows: tables, which statement took effect how often, who holds which lock, and the
 * sessions of the server. A session of the server (model_backend) is apart from the client's end of it, since a server
 * goes on with what it was sent although its client died or lost the line: such a one is a ghost. server.c is the
 * server, modeldb.c the driver and the places where it breaks.
 */
#ifndef WB_TEST_MODEL_H
#define WB_TEST_MODEL_H

#include "driver/driver.h"

#define MODEL_TABLES 3
#define MODEL_ROWS 60
#define MODEL_COLUMNS 32
#define MODEL_EFFECTS 24               /* statements that leave a trace: "CREATE TABLE s1", "INSERT INTO s2 ..." */
#define MODEL_BACKENDS 8
#define MODEL_QUEUE 200
#define MODEL_LOCKS 5
#define MODEL_CALLS_MAX 20000          /* of one world: more is a loop without an end */
#define MODEL_TERMINATES "invalid transaction termination" /* a procedure's COMMIT inside of a transaction */
#define MODEL_BATCH 5                  /* rows that a round of a batch touches */

/* ---- what can go wrong ---- */

typedef enum model_kind {
    FAULT_NONE,
    FAULT_BEFORE,                      /* no effect; the connection is lost, and the server's session is gone */
    FAULT_AFTER,                       /* it took effect, the answer is lost, the server's session is gone */
    FAULT_DIE0, FAULT_DIE1,            /* the same, and our process is dead */
    FAULT_HANG,                        /* the line is lost; the server goes on and is done before anybody looks */
    FAULT_STUCK,                       /* the same, but it takes its time; it keeps its lock until then, or until it is ended */
    FAULT_ORPHAN,                      /* the same, and our process is dead */
    FAULT_REFUSE,                      /* the server answers with an error; the connection lives */
    FAULT_WAIT,                        /* the same with an error that may pass: a lock wait */
    FAULT_CANCEL,                      /* somebody calls wbl_cancel() just before it */
    FAULT_RIVAL0, FAULT_RIVAL1,        /* as BEFORE and AFTER, and another process does all the work before we are back */
    FAULT_KINDS
} model_kind;
extern const char *const model_kind_names[FAULT_KINDS];

typedef struct model_fault {
    long at;                           /* number of the point, from 1; 0: none */
    model_kind kind;
} model_fault;

/* ---- the world ---- */

typedef struct model_row {
    const char *cells[MODEL_COLUMNS];  /* NULL: SQL NULL */
} model_row;

typedef struct model_table {
    const char *name;
    size_t column_count, row_count;
    int64_t serial;
    wb_column columns[MODEL_COLUMNS];
    model_row rows[MODEL_ROWS];
} model_table;

typedef struct model_data {            /* durable, or as an open transaction sees it */
    size_t table_count;
    uint16_t up[MODEL_EFFECTS], down[MODEL_EFFECTS]; /* how often the statement took effect, in either direction */
    bool invalid[MODEL_EFFECTS];       /* an index that was not built completely */
    model_table tables[MODEL_TABLES];
} model_data;

typedef enum model_request_kind {
    REQ_READ, REQ_LOCK, REQ_UNLOCK, REQ_CREATE, REQ_CLEAN, REQ_BEGIN, REQ_PUT, REQ_RUN, REQ_COMMIT, REQ_ROLLBACK, REQ_RESET
} model_request_kind;

typedef struct model_request {         /* what the server is asked to do; everything it points to outlives the session */
    model_request_kind kind;
    bool is_in_unit;
    uint32_t unit, statement;
    size_t offset;
    const char *text;                  /* RUN: one statement; CLEAN: the index */
    int64_t *affected;
    wb_row_op op;                      /* PUT */
    const wb_lock_key *locks;          /* LOCK, UNLOCK */
    size_t lock_count;
    const wb_table *tables;            /* CREATE */
    size_t table_count;
    const char *fuse;                  /* BEGIN */
} model_request;

typedef struct model_backend {
    bool is_used, is_ghost;
    int patience;                      /* of a ghost: surveys of others before it goes on */
    char run_id[40];
    bool in_txn, is_failed, is_fuse_whole;
    bool has_fence, wants_fence;       /* the ledger's row must be written before the script of a unit runs */
    model_data txn;
    model_data *saved;                 /* embedded: the state before the open unit; wb_free() */
    const model_request *pending;      /* of a ghost, in the world's arena */
    size_t pending_count;
} model_backend;

typedef struct model_lock {
    char text[96];
    int owner;                         /* index of a backend + 1; 0: free */
} model_lock;

typedef struct model_profile {
    const char *name;
    const wb_driver *driver;
    uint32_t caps;
    const char *ledger;                /* profile of the ledger */
    bool is_deferred;                  /* a unit is queued, and executed item by item at sync() */
    bool is_embedded;                  /* no server: no ghosts, and what the process does not write is not there */
} model_profile;

typedef struct model_world {
    const model_profile *profile;
    wb_arena mem;                      /* texts of rows and requests; emptied between cases */
    model_data data;
    model_backend backends[MODEL_BACKENDS];
    model_lock locks[MODEL_LOCKS];

    long points;                       /* places where something could have failed, so far */
    model_fault faults[2];
    const char *fault_names[2];        /* what they struck: "sync: put" */
    int fired;                         /* how many of them did */
    bool is_calm;                      /* no faults now: recovery of a rival, or a look at the end */
    bool has_died;                     /* the process under test */
    long calls;
    bool is_endless;                   /* it called far too often */
    bool is_traced;

    const char *broken;                /* the first rule that the engine broke towards the server; NULL */
    void (*cancel)(void *user);        /* somebody presses Ctrl-C */
    void (*rival)(void *user);         /* another process runs from begin to end */
    void *user;
} model_world;

extern const wb_driver model_postgres, model_sqlite, model_mysql;
void model_use(model_world *);         /* the one that open() connects to */

/* ---- server.c ---- */

const char *model_text(model_world *, const char *p, size_t len);
void model_copy(model_data *to, const model_data *from);
model_table *model_find(model_data *, const char *name);
int model_column(const model_table *, const char *name);               /* -1: none */
int model_effect_of(const char *text, bool *is_down);                  /* number of the statement; 0: leaves no trace */
bool model_is_word(const char *text, const char *word);                /* the statement's first word */
bool model_is_there(const model_data *, int effect);
bool model_matches(const model_table *, const model_row *, const wb_field *where, size_t count);

model_backend *model_connect(model_world *, const char *run_id);
void model_drop(model_world *, model_backend *);                       /* the session ends; an open transaction is rolled back */
void model_leave(model_world *, model_backend *, const model_request *, size_t count, int patience); /* makes it a ghost */
void model_survey_tick(model_world *, const model_backend *);          /* somebody else looks: ghosts go on */
void model_finish_ghosts(model_world *);
model_data *model_view(model_world *, model_backend *);                /* what this session sees */
bool model_owns_locks(const model_world *, const model_backend *);
/* Executes it in a session. 0, or a code with the text in *why. */
int model_execute(model_world *, model_backend *, const model_request *, const char **why);

#endif
