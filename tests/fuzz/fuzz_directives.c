/*
 * fuzz_directives.c - any bytes as a script with directives: read, fill its variables and its batches; what comes out
 * still splits into as many statements. The first byte chooses the dialect.
 */
#include "sql/sql.h"

#include <stdlib.h>
#include <string.h>

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static const char *value_of(void *user, const char *name)
{
    (void)user;
    (void)name;
    return "a'b\"c`;--/*\\";
}

typedef struct counted {
    const wb_sql_options *options;
    const char *text;
    uint32_t count;
} counted;

static int fill_batch(void *user, const wb_statement *st)
{
    counted *c = user;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    c->count++;
    wb_batch_fill(c->options, c->text + st->offset, st->len, UINT64_MAX, &b);
    check(wb_buf_cstr(&b) && (st->batch.size == 0 || b.len > 0));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    wb_sql_options options = {
        .dialect = data[0] % 3 == 0   ? WB_SQL_POSTGRES
                   : data[0] % 3 == 1 ? WB_SQL_SQLITE
                                      : WB_SQL_MYSQL,
    };
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_directives d;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    int rc = wb_directives_read(&cx, &mem, &options, text, len, &d);
    if (rc != 0) {
        check(rc == WBL_E_INVALID && err.message[0] && err.line > 0 && err.column > 0);
        return 0;
    }
    counted before = { &options, text, 0 };
    check(wb_split(&cx, &options, text, len, false, fill_batch, &before) == 0);

    WB_AUTOBUF wb_buf b = WB_BUF(WB_FILE_SIZE_MAX);
    rc = wb_variables_apply(&cx, &options, &d, text, len, value_of, NULL, &b);
    check(rc == 0 || rc == WBL_E_INVALID);
    const char *filled = rc == 0 ? wb_buf_cstr(&b) : NULL;
    counted after = { &options, filled, 0 };
    if (filled) {
        check(wb_split(&cx, &options, filled, b.len, false, fill_batch, &after) == 0);
        check(after.count == before.count);
    }
    return 0;
}
