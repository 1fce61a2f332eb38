#include "driver/postgres/pg.h"
int pg_look(wb_ctx *cx, wb_session *base, const wb_statement *st, wb_arena *mem, const char **out)
{ (void)cx;(void)base;(void)st;(void)mem; *out=""; return 0; }
int pg_probe(wb_ctx *cx, wb_session *base, const wb_statement *st, const char *looked, wb_probe *out)
{ (void)cx;(void)base;(void)st;(void)looked; *out = WB_PROBE_CANNOT_TELL; return 0; }
int pg_clean(wb_ctx *cx, wb_session *base, const wb_statement *st) { (void)cx;(void)base;(void)st; return 0; }
