/*
 * yaml.c - a YAML text as a tree of nodes with their places.
 *
 * libyaml reads; we add what it lets pass: a nesting of some thousand brackets (it needs quadratic time, so a pass over
 * the events comes first and stops at WB_NEST_MAX), equal keys in one map, more than one document. All nodes lie in the
 * arena of the caller; libyaml's own memory is gone when the call returns. An alias is the same node again.
 */
#include "source/parts.h"

#include <stdlib.h>
#include <yaml.h>

#define WB_NEST_MAX 64
#define ANCHOR_MAX 1000 /* libyaml compares each one with all others */

static int fail_at(wb_ctx *cx, const char *shown, yaml_mark_t mark, const char *what)
{
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", what);
    wb_at(cx, shown, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1);
    return WBL_E_INVALID;
}

static int fail_parser(wb_ctx *cx, const char *shown, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return wb_nomem(cx);
    const char *problem = p->problem ? p->problem : "not valid YAML";
    if (p->error == YAML_READER_ERROR) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s (byte %zu)", problem, p->problem_offset + 1);
        wb_at(cx, shown, 0, 0);
        return WBL_E_INVALID;
    }
    return fail_at(cx, shown, p->problem_mark, problem);
}

static int start(wb_ctx *cx, yaml_parser_t *p, const char *text, size_t len)
{
    if (!yaml_parser_initialize(p))
        return wb_nomem(cx);
    yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(p, (const unsigned char *)text, len);
    return 0;
}

static bool has_anchor(const yaml_event_t *e)
{
    return (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor) || e->type == YAML_ALIAS_EVENT ||
           (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor) ||
           (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor);
}

static int check_events(wb_ctx *cx, const char *shown, yaml_parser_t *p)
{
    int depth = 0, documents = 0, anchors = 0;
    for (yaml_event_type_t type = YAML_NO_EVENT; type != YAML_STREAM_END_EVENT;) {
        yaml_event_t event;
        if (!yaml_parser_parse(p, &event))
            return fail_parser(cx, shown, p);
        type = event.type;
        anchors += has_anchor(&event);
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        depth += type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
        documents += type == YAML_DOCUMENT_START_EVENT;
        if (depth > WB_NEST_MAX)
            return fail_at(cx, shown, mark, "lists and maps are nested more than 64 deep");
        if (anchors > ANCHOR_MAX)
            return fail_at(cx, shown, mark, "more than 1000 anchors and aliases");
        if (documents > 1)
            return fail_at(cx, shown, mark, "a second document begins here, and one is expected");
    }
    return 0;
}

static int key_cmp(const void *left, const void *right)
{
    const wb_yaml *a = *(wb_yaml *const *)left, *b = *(wb_yaml *const *)right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int check_keys(wb_ctx *cx, const char *shown, const wb_yaml *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (map->keys[i]->kind != WB_YAML_SCALAR) {
            wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "a key is a list or a map");
            wb_at(cx, shown, map->keys[i]->line, map->keys[i]->column);
            return WBL_E_INVALID;
        }
    if (map->count < 2)
        return 0;
    WB_AUTOFREE wb_yaml **sorted = wb_alloc(map->count * sizeof(wb_yaml *));
    if (!sorted)
        return wb_nomem(cx);
    memcpy(sorted, map->keys, map->count * sizeof *sorted);
    qsort(sorted, map->count, sizeof *sorted, key_cmp);
    for (size_t i = 1; i < map->count; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0) {
            wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "key \"%s\" stands here a second time, first in line %u",
                    sorted[i]->text, sorted[i - 1]->line);
            wb_at(cx, shown, sorted[i]->line, sorted[i]->column);
            return WBL_E_INVALID;
        }
    return 0;
}

/* Node ids of libyaml count from 1. */
static int copy_node(wb_ctx *cx, wb_arena *mem, const char *shown, const yaml_node_t *from, wb_yaml *nodes, wb_yaml *to)
{
    to->line = (uint32_t)from->start_mark.line + 1;
    to->column = (uint32_t)from->start_mark.column + 1;
    if (from->type == YAML_SCALAR_NODE) {
        const char *text = (const char *)from->data.scalar.value;
        if (memchr(text, 0, from->data.scalar.length))
            return fail_at(cx, shown, from->start_mark, "a value holds a NUL byte");
        to->is_plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        to->text = wb_arena_str(mem, text, from->data.scalar.length);
        return to->text ? 0 : wb_nomem(cx);
    }
    bool is_map = from->type == YAML_MAPPING_NODE;
    to->kind = is_map ? WB_YAML_MAP : WB_YAML_LIST;
    to->count = is_map ? (size_t)(from->data.mapping.pairs.top - from->data.mapping.pairs.start)
                       : (size_t)(from->data.sequence.items.top - from->data.sequence.items.start);
    to->items = wb_arena_get(mem, to->count * sizeof(wb_yaml *));
    to->keys = is_map ? wb_arena_get(mem, to->count * sizeof(wb_yaml *)) : NULL;
    if (!to->items || (is_map && !to->keys))
        return wb_nomem(cx);
    for (size_t i = 0; i < to->count; i++) {
        to->items[i] =
            &nodes[(is_map ? from->data.mapping.pairs.start[i].value : from->data.sequence.items.start[i]) - 1];
        if (is_map)
            to->keys[i] = &nodes[from->data.mapping.pairs.start[i].key - 1];
    }
    return 0;
}

static int copy_document(wb_ctx *cx, wb_arena *mem, const char *shown, const yaml_document_t *doc, wb_yaml **out)
{
    size_t count = (size_t)(doc->nodes.top - doc->nodes.start);
    *out = NULL;
    if (count == 0)
        return 0;
    wb_yaml *nodes = wb_arena_get(mem, count * sizeof *nodes);
    if (!nodes)
        return wb_nomem(cx);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = copy_node(cx, mem, shown, &doc->nodes.start[i], nodes, &nodes[i]);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (nodes[i].kind == WB_YAML_MAP)
            rc = check_keys(cx, shown, &nodes[i]);
    *out = nodes;
    return rc;
}

int wb_yaml_read(wb_ctx *cx, wb_arena *mem, const char *shown, const char *text, size_t len, wb_yaml **out)
{
    WB_CLEANUP(yaml_parser_delete) yaml_parser_t first = { 0 };
    WB_CLEANUP(yaml_parser_delete) yaml_parser_t second = { 0 };
    WB_CLEANUP(yaml_document_delete) yaml_document_t doc = { 0 };
    int rc = start(cx, &first, text, len);
    if (rc == 0)
        rc = check_events(cx, shown, &first);
    if (rc == 0)
        rc = start(cx, &second, text, len);
    if (rc == 0 && !yaml_parser_load(&second, &doc))
        rc = fail_parser(cx, shown, &second);
    return rc == 0 ? copy_document(cx, mem, shown, &doc, out) : rc;
}
