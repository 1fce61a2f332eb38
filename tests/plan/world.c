/* world.c - reads and writes the one-line worlds of the plan tests, see world.h. */
#include "world.h"

static char *copy(world *w, const char *s, size_t n)
{
    char *p = wb_arena_str(&w->input, s, n);
    assert_non_null(p);
    return p;
}

static void *room(world *w, size_t n)
{
    void *p = wb_arena_get(&w->input, n + 1);
    assert_non_null(p);
    return p;
}

/* Calls once for each word; words are separated by `gap`. */
static const char *next_word(world *w, const char **at, char gap)
{
    const char *p = *at;
    while (*p == gap || *p == ' ')
        p++;
    const char *end = strchr(p, gap);
    size_t n = end ? (size_t)(end - p) : strlen(p);
    *at = p + n;
    return n ? copy(w, p, n) : NULL;
}

static const wb_require *read_requires(world *w, const char *s, size_t *count)
{
    wb_require *all = room(w, 16 * sizeof *all);
    const char *word;
    for (*count = 0; (word = next_word(w, &s, ',')) != NULL;) {
        const char *at = strchr(word, '@');
        all[(*count)++] = (wb_require){ copy(w, word, at ? (size_t)(at - word) : strlen(word)), at ? at + 1 : NULL };
    }
    return all;
}

static int migration_cmp(const void *a, const void *b)
{
    const wb_migration *x = a, *y = b;
    int order = strcmp(x->ns, y->ns);
    return order ? order : wb_version_cmp(WB_ORDER_NUMERIC, x->key, y->key);
}

static void add_file(world *w, const char *word)
{
    wb_migration *m = &w->set.migrations[w->set.migration_count++];
    const char *slash = strchr(word, '/');
    assert_non_null(slash);
    m->ns = copy(w, word, (size_t)(slash - word));
    size_t digits = strspn(slash + 1, "0123456789.");
    m->key = copy(w, slash + 1, digits);
    char text[400];
    snprintf(text, sizeof text, "%06d", atoi(m->key));
    m->version = digits > 6 || strchr(m->key, '.') ? m->key : copy(w, text, strlen(text));
    snprintf(text, sizeof text, "m%s", m->key);
    m->name = copy(w, text, strlen(text));
    m->up.exists = m->down.exists = true;
    m->up.info = room(w, sizeof *m->up.info);
    m->down.info = room(w, sizeof *m->down.info);
    for (const char *p = slash + 1 + digits; *p; p++) {
        if (*p == '!')
            m->down.exists = false;
        else if (*p == '?')
            m->up.exists = false;
        else if (*p == '*')
            m->up.info->directives.out_of_order = true;
        else if (*p == '>') {
            m->up.info->directives.requires = read_requires(w, p + 1, &m->up.info->directives.require_count);
            break;
        }
    }
    snprintf(text, sizeof text, "migrations/%s/%s_%s.up.sql", m->ns, m->version, m->name);
    m->up.shown = m->up.exists ? copy(w, text, strlen(text)) : NULL;
    snprintf(text, sizeof text, "migrations/%s/%s_%s.down.sql", m->ns, m->version, m->name);
    m->down.shown = m->down.exists ? copy(w, text, strlen(text)) : NULL;
    memset(m->up.sha256, 'a', 64);
    memset(m->down.sha256, 'b', 64);
}

static void read_files(world *w, const char *files)
{
    const char *word;
    size_t max = 1;
    for (const char *p = files; *p; p++)
        max += *p == '/';
    w->set.migrations = room(w, max * sizeof *w->set.migrations);
    w->set.namespaces = room(w, max * sizeof *w->set.namespaces);
    while ((word = next_word(w, &files, ' ')) != NULL)
        add_file(w, word);
    qsort(w->set.migrations, w->set.migration_count, sizeof *w->set.migrations, migration_cmp);
    for (size_t i = 0; i < w->set.migration_count; i++) {
        const char *ns = w->set.migrations[i].ns;
        if (w->set.ns_count == 0 || strcmp(w->set.namespaces[w->set.ns_count - 1].name, ns) != 0)
            w->set.namespaces[w->set.ns_count++] =
                (wb_source_ns){ .name = ns, .first = i, .has_directory = true, .shown = "migrations" };
        w->set.namespaces[w->set.ns_count - 1].count++;
    }
    w->set.is_namespaced = w->set.ns_count != 1 || strcmp(w->set.namespaces[0].name, WB_DEFAULT_NS) != 0;
}

static void read_config(world *w, const char *config)
{
    size_t max = 1;
    const char *word;
    for (const char *p = config; *p; p++)
        max += *p == ' ';
    wb_config_ns *all = room(w, max * sizeof *all);
    for (size_t n = 0; (word = next_word(w, &config, ' ')) != NULL; n++) {
        bool is_listed = word[0] != '(';
        word += !is_listed;
        size_t len = strcspn(word, ">");
        all[n] = (wb_config_ns){ .is_listed = is_listed, .is_enabled = word[len - 1] != '-', .line = (uint32_t)n + 2 };
        all[n].name = copy(w, word, all[n].is_enabled ? len : len - 1);
        if (word[len])
        all[n].requires = read_requires(w, word + len + 1, &all[n].require_count);
        w->config.ns_count = n + 1;
    }
    w->config.namespaces = all;
    w->config.file = "whimbrel.yaml";
    w->config.discover = WB_DISCOVER_RUN;
}

void world_start(world *w, const char *files, const char *config)
{
    memset(w, 0, sizeof *w);
    w->cx.err = &w->err;
    w->found.mem = &w->mem;
    w->request = (wb_plan_request){ .out_of_order = WB_POLICY_ERROR, .newer = WB_NEWER_WARN };
    read_files(w, files);
    read_config(w, config);
    world_rows(w, SHAPE_NATIVE, "");
}

void world_done(world *w)
{
    wb_arena_done(&w->mem);
    wb_arena_done(&w->input);
}

void world_again(world *w)
{
    wb_arena_done(&w->mem);
    w->found = (wb_findings){ .mem = &w->mem };
    wb_error_clear(&w->err);
    memset(&w->graph, 0, sizeof w->graph);
    memset(&w->st, 0, sizeof w->st);
    memset(&w->plan, 0, sizeof w->plan);
}

static void note_recorded(world *w, const char *ns)
{
    const char **more = room(w, (w->recorded_count + 1) * sizeof *more);
    if (w->recorded_count)
        memcpy(more, w->recorded, w->recorded_count * sizeof *more);
    more[w->recorded_count++] = ns;
    w->recorded = more;
}

void world_rows(world *w, int shape, const char *rows)
{
    size_t max = 1;
    const char *word;
    for (const char *p = rows; *p; p++)
        max += *p == '/';
    wb_ledger_row *all = room(w, max * sizeof *all);
    w->view = (wb_ledger_view){ .rows = all,
                                .exists = true,
                                .has_dirty = shape != SHAPE_AXCOM,
                                .dirty_is_failed = shape == SHAPE_NATIVE,
                                .is_single_row = shape == SHAPE_GOLANG };
    w->request.single_row_ledger = shape == SHAPE_GOLANG;
    while ((word = next_word(w, &rows, ' ')) != NULL) {
        wb_ledger_row *r = &all[w->view.row_count++];
        const char *slash = strchr(word, '/');
        r->ns = copy(w, word, (size_t)(slash - word));
        r->is_dirty = word[strlen(word) - 1] == '!';
        r->key = r->text = copy(w, slash + 1, strlen(slash + 1) - r->is_dirty);
        note_recorded(w, r->ns);
    }
}

void world_records(world *w, const char *records)
{
    size_t max = 1;
    const char *line;
    for (const char *p = records; *p; p++)
        max += *p == ';';
    w->records = room(w, max * sizeof *w->records);
    w->record_count = 0;
    while ((line = next_word(w, &records, ';')) != NULL) {
        wb_record *r = &w->records[w->record_count++];
        *r = (wb_record){ .seq = (int64_t)w->record_count,
                          .id = "id",
                          .protocol = WBL_PROTOCOL_STEPWISE,
                          .statements = 3,
                          .duration_ms = -1 };
        r->action = next_word(w, &line, ' ');
        const char *who = next_word(w, &line, ' '), *slash = strchr(who, '/'), *word;
        r->ns = copy(w, who, (size_t)(slash - who));
        r->key = slash + 1;
        r->state = next_word(w, &line, ' ');
        while ((word = next_word(w, &line, ' ')) != NULL) {
            if (strcmp(word, "atomic") == 0)
                r->protocol = WBL_PROTOCOL_ATOMIC;
            else if (strcmp(word, "+") == 0)
                r->has_down_script = true;
            else if (sscanf(word, "%u/%u", &r->done, &r->begun) != 2)
                fail_msg("what is %s", word);
        }
        note_recorded(w, r->ns);
    }
}

int world_graph(world *w)
{
    return wb_graph_make(&w->cx, &w->mem, &w->set, &w->config, w->recorded, w->recorded_count, &w->found, &w->graph);
}

int world_state(world *w)
{
    int rc = world_graph(w);
    if (rc != 0)
        return rc;
    return wb_state_make(&w->cx, &w->mem, &w->graph, &w->set, &w->view, w->records, w->record_count, &w->st);
}

int world_plan(world *w, int goal)
{
    w->request.goal = (enum wb_goal)goal;
    int rc = world_state(w);
    if (rc == 0)
        rc = wb_plan_make(&w->cx, &w->mem, &w->graph, &w->st, &w->request, &w->found, &w->plan);
    return rc;
}

static const char *taken(world *w, wb_buf *b)
{
    if (b->len && b->p[b->len - 1] == ' ')
        b->len--;
    const char *s = wb_buf_cstr(b);
    assert_non_null(s);
    s = copy(w, s, strlen(s));
    wb_buf_done(b);
    return s;
}

const char *world_order(world *w)
{
    wb_buf b = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < w->graph.count; i++)
        wb_buf_addf(&b, "%s ", w->graph.namespaces[i].name);
    return taken(w, &b);
}

const char *world_items(world *w)
{
    wb_buf b = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < w->st.count; i++) {
        const wb_item *it = &w->st.items[i];
        wb_buf_addf(&b, "%s/%s=%c%s%s%s%s", it->ns, it->key, wb_item_is_missing(it) ? 'M' : "PAFUSMD"[it->state],
                    it -> is_dirty ? "d" : "", it->is_external ? "x" : "", it->is_assumed ? "a" : "",
                    it->is_reverting ? "r" : "");
        if (it->resume_begun || it->resume_done)
            wb_buf_addf(&b, ":%u/%u", it->resume_done, it->resume_begun);
        wb_buf_char(&b, ' ');
    }
    return taken(w, &b);
}

const char *world_steps(world *w)
{
    wb_buf b = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < w->plan.count; i++) {
        const wb_step *s = &w->plan.steps[i];
        wb_buf_addf(&b, "%c%s/%s%s%s%s ", s->direction == WBL_UP ? '+' : '-', s->item->ns, s->item->key,
                    s->is_out_of_order ? "!" : "", s->is_implied ? "~" : "", s->is_stored_down ? "s" : "");
    }
    return taken(w, &b);
}

const char *world_codes(world *w)
{
    wb_buf b = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < w->found.count; i++)
        wb_buf_addf(&b, "%s%s ", w->found.items[i].code, w->found.items[i].severity == WBL_ERROR ? "!" : "");
    return taken(w, &b);
}

const wbl_finding *world_finding(world *w, const char *code)
{
    for (size_t i = 0; i < w->found.count; i++)
        if (strcmp(w->found.items[i].code, code) == 0)
            return &w->found.items[i];
    fail_msg("no finding %s among: %s", code, world_codes(w));
    return NULL;
}

wb_migration *world_file(world *w, const char *ns, const char *key)
{
    for (size_t i = 0; i < w->set.migration_count; i++)
        if (strcmp(w->set.migrations[i].ns, ns) == 0 && strcmp(w->set.migrations[i].key, key) == 0)
            return &w->set.migrations[i];
    fail_msg("no file %s/%s", ns, key);
    return NULL;
}
