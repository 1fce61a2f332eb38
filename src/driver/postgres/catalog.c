#include "driver/postgres/pg.h"
int pg_catalog(wb_ctx *cx, wb_session *base, const wb_catalog_options *o, wb_arena *mem, wb_object **out, size_t *count)
{ (void)base;(void)o;(void)mem;(void)out;(void)count; return wb_nomem(cx); }
int pg_drop_all(wb_ctx *cx, wb_session *base) { (void)base; return wb_nomem(cx); }
