/*
 * test_order.c - properties that hold for any graph: the order respects every edge, it does not depend on the order
 * of the input, a way up can be taken back, big inputs are no trouble, and every allocation may fail. Seeds are
 * fixed.
 */
#include "world.h"

enum { SEEDS = 150, NS_MAX = 6, VERSION_MAX = 9 };

static uint32_t rnd(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/* A graph without cycles: a requirement points to a smaller number in a hidden order of all migrations. */
static char *random_files(uint64_t seed, char *text, size_t size)
{
    size_t at = 0, version[NS_MAX] = { 0 }, ns_of[NS_MAX * VERSION_MAX], of[NS_MAX * VERSION_MAX], count = 0;
    uint32_t ns_count = 1 + rnd(&seed, NS_MAX), total = 1 + rnd(&seed, NS_MAX * VERSION_MAX - 1);
    for (uint32_t i = 0; i < total; i++) {
        size_t ns = rnd(&seed, ns_count);
        if (version[ns] == VERSION_MAX)
            continue;
        ns_of[count] = ns;
        of[count] = ++version[ns];
        at += (size_t)snprintf(text + at, size - at, "n%zu/%zu", ns, of[count]);
        for (uint32_t k = 0, n = rnd(&seed, 4); k < n && count > 0; k++) {
            size_t other = rnd(&seed, (uint32_t)count);
            at += (size_t)snprintf(text + at, size - at, "%sn%zu@%zu", k ? "," : ">", ns_of[other], of[other]);
        }
        at += (size_t)snprintf(text + at, size - at, " ");
        count++;
    }
    return text;
}

static size_t place_in(const world *w, const char *ns, const char *version)
{
    for (size_t i = 0; i < w->plan.count; i++)
        if (strcmp(w->plan.steps[i].item->ns, ns) == 0 && strcmp(w->plan.steps[i].item->key, version) == 0)
            return i;
    fail_msg("%s %s is not in the plan", ns, version);
    return 0;
}

static size_t place_or_end(const world *w, const wb_item *item)
{
    for (size_t i = 0; i < w->plan.count; i++)
        if (w->plan.steps[i].item == item)
            return i;
    return w->plan.count;
}

/* Nothing that stands before it, by namespace order and version, could have gone in its place. */
static void assert_next_is_the_first_that_is_ready(const world *w, size_t step)
{
    for (const wb_item *it = w->st.items; it < w->plan.steps[step].item; it++) {
        if (place_or_end(w, it) < step)
            continue;
        bool is_ready = it == w->st.items || it[-1].ns_index != it->ns_index || place_or_end(w, it - 1) < step;
        const wb_directives *d = &it->migration->up.info->directives;
        for (size_t k = 0; k < d->require_count; k++)
            is_ready &= place_in(w, d->requires[k].ns, d->requires[k].version) < step;
        assert_false(is_ready);
    }
}

static void every_edge_is_respected(void **state)
{
    (void)state;
    char text[8192];
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        world_start(&w, random_files(seed, text, sizeof text), seed % 2 ? "n3 n1" : "");
        assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
        assert_int_equal(w.plan.count, w.set.migration_count);
        for (size_t i = 0; i < w.plan.count; i++) {
            const wb_migration *m = w.plan.steps[i].item->migration;
            assert_next_is_the_first_that_is_ready(&w, i);
            if (i + 1 < w.set.migration_count && strcmp(w.set.migrations[i].ns, w.set.migrations[i + 1].ns) == 0)
                assert_true(place_in(&w, w.set.migrations[i].ns, w.set.migrations[i].key) <
                            place_in(&w, w.set.migrations[i + 1].ns, w.set.migrations[i + 1].key));
            for (size_t k = 0; k < m->up.info->directives.require_count; k++)
                assert_true(place_in(&w, m->up.info->directives.requires[k].ns, m->up.info->directives.requires[k].version) < i);
        }
        world_done(&w);
    }
}

/* Applied in the plan's order and reverted with --all, the last one goes first, and with history or without. */
static void what_went_up_comes_down_backwards(void **state)
{
    (void)state;
    char text[8192];
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        world_start(&w, random_files(seed, text, sizeof text), "");
        assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
        wb_buf rows = WB_BUF(WB_TEXT_MAX), records = WB_BUF(WB_TEXT_MAX), want = WB_BUF(WB_TEXT_MAX);
        for (size_t i = 0; i < w.plan.count; i++) {
            const wb_item *it = w.plan.steps[i].item, *back = w.plan.steps[w.plan.count - 1 - i].item;
            wb_buf_addf(&rows, "%s/%s ", it->ns, it->key);
            wb_buf_addf(&records, "up %s/%s applied;", it->ns, it->key);
            wb_buf_addf(&want, "%s-%s/%s", i ? " " : "", back->ns, back->key);
        }
        for (int with_history = 0; with_history < 2; with_history++) {
            world_again(&w);
            world_rows(&w, SHAPE_NATIVE, wb_buf_cstr(&rows));
            if (with_history)
                world_records(&w, wb_buf_cstr(&records));
            w.request.all = true;
            assert_int_equal(world_plan(&w, WB_GOAL_DOWN), 0);
            assert_string_equal(world_steps(&w), wb_buf_cstr(&want));
        }
        wb_buf_done(&rows);
        wb_buf_done(&records);
        wb_buf_done(&want);
        world_done(&w);
    }
}

static void shuffle(uint64_t *seed, char *text)
{
    char *words[NS_MAX * VERSION_MAX + 1], copy[8192];
    size_t n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy, *end; (end = strchr(p, ' ')) != NULL; p = end + 1) {
        *end = 0;
        words[n++] = p;
    }
    text[0] = 0;
    for (size_t i = n; i > 0; i--) {
        size_t k = rnd(seed, (uint32_t)i);
        char *word = words[k];
        words[k] = words[i - 1];
        strcat(strcat(text, word), " ");
    }
}

static void the_order_does_not_depend_on_the_input(void **state)
{
    (void)state;
    char text[8192], first[8192], hash[65];
    for (uint64_t seed = 1; seed <= SEEDS / 3; seed++) {
        uint64_t s = seed;
        random_files(seed, text, sizeof text);
        for (int turn = 0; turn < 4; turn++) {
            static const char *const rows[] = { "n0/1 n1/1 n0/2", "n1/1 n0/2 n0/1", "n0/2 n0/1 n1/1",
                                                "n0/1 n0/2 n1/1" };
            world w;
            world_start(&w, text, "");
            world_rows(&w, SHAPE_NATIVE, rows[turn]);
            w.request.out_of_order = WB_POLICY_APPLY;
            int rc = world_plan(&w, WB_GOAL_UP);
            assert_int_equal(rc, 0);
            if (turn == 0) {
                snprintf(first, sizeof first, "%s", world_steps(&w));
                memcpy(hash, w.plan.hash, sizeof hash);
            }
            assert_string_equal(world_steps(&w), first);
            assert_string_equal(w.plan.hash, hash);
            world_done(&w);
            shuffle(&s, text);
        }
    }
}

/* With edges in any direction: either there is an order that respects them, or a cycle is named, and never both. */
static void random_edges_end_in_an_order_or_a_cycle(void **state)
{
    (void)state;
    size_t cycles = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char text[1024] = "";
        size_t at = 0;
        uint64_t s = seed;
        for (int ns = 0; ns < 4; ns++)
            for (int v = 1; v <= 3; v++) {
                at += (size_t)snprintf(text + at, sizeof text - at, "n%d/%d", ns, v);
                if (rnd(&s, 3) == 0)
                    at += (size_t)snprintf(text + at, sizeof text - at, ">n%u@%u", rnd(&s, 4), 1 + rnd(&s, 3));
                at += (size_t)snprintf(text + at, sizeof text - at, " ");
            }
        world w;
        world_start(&w, text, "");
        int rc = world_plan(&w, WB_GOAL_UP);
        if (rc == 0) {
            assert_int_equal(w.plan.count, 12);
            for (size_t i = 0; i < w.plan.count; i++) {
                const wb_directives *d = &w.plan.steps[i].item->migration->up.info->directives;
                if (d->require_count)
                    assert_true(place_in(&w, d->requires[0].ns, d->requires[0].version) < i);
            }
        } else {
            cycles++;
            assert_int_equal(rc, WBL_E_INVALID);
            assert_string_equal(world_codes(&w), "cycle!");
            const char *path = strstr(w.found.items[0].message, ": ") + 2, *last = strstr(path, " -> ");
            assert_non_null(last);
            size_t len = (size_t)(last - path); /* it begins and ends with the same migration */
            assert_true(wb_ends(path, wb_arena_str(&w.input, path, len)));
        }
        world_done(&w);
    }
    assert_true(cycles > 10 && cycles < SEEDS - 10); /* both ends were seen */
}

static void ten_thousand_are_no_trouble(void **state)
{
    (void)state;
    enum { N = 10000 };
    wb_buf files = WB_BUF(WB_FILE_SIZE_MAX), rows = WB_BUF(WB_FILE_SIZE_MAX), records = WB_BUF(WB_FILE_SIZE_MAX);
    for (int i = 1; i <= N; i++) {
        wb_buf_addf(&files, i > 1 && i % 3 == 0 ? "n%d/%d>n%d@%d,n0 " : "n%d/%d ", i % 10, i, (i - 1) % 10, i - 1);
        if (i <= N / 2) {
            wb_buf_addf(&rows, "n%d/%d ", i % 10, i);
            wb_buf_addf(&records, "up n%d/%d applied;", i % 10, i);
        }
    }
    world w;
    world_start(&w, wb_buf_cstr(&files), "");
    world_rows(&w, SHAPE_NATIVE, wb_buf_cstr(&rows));
    world_records(&w, wb_buf_cstr(&records));
    for (size_t i = 0; i < w.set.migration_count; i++) /* all others require all of n0, so it must require nobody */
        if (strcmp(w.set.migrations[i].ns, "n0") == 0)
            w.set.migrations[i].up.info->directives.require_count = 0;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(w.plan.count, N / 2);
    world_again(&w);
    w.request.all = true;
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), 0);
    assert_int_equal(w.plan.count, N / 2);
    assert_int_equal(wb_plan_validate(&w.cx, &w.mem, &w.graph, &w.set, &w.st, &w.found), 0);
    world_done(&w);
    wb_buf_done(&files);
    wb_buf_done(&rows);
    wb_buf_done(&records);
}

static const struct memory_row {
    const char *name, *files, *config, *rows, *records;
    int goal, rc;
} memory_rows[] = {
    { "memory_up", "a/1 a/2>b@1 b/1 b/2! c/8 x/1", "c>b a", "c/7 a/1!", "up a/1 failed 1/2; up z/1 applied", WB_GOAL_UP,
      0 },
    { "memory_down", "a/1 a/2 b/1>a@2", "b a", "a/1 a/2 b/1 b/3", "up a/1 applied; up b/3 applied +", WB_GOAL_DOWN, 0 },
    { "memory_redo", "a/1 a/2", "", "a/1 a/2", "up a/2 applied", WB_GOAL_REDO, 0 },
    { "memory_cycle", "a/1>b@1 b/1>a@1", "", "", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_graph_cycle", "a/1 b/1", "a>b b>a", "", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_graph_missing", "a/1 bc/1", "a>bd", "", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_missing", "a/1>bd b/1>a@7 bc/1", "", "", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_late", "a/1 a/2", "", "a/2", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_unknown", "a/1 a/2", "", "a/2!", "", WB_GOAL_UP, WBL_E_STATE },
    { "memory_no_down", "a/1 a/2!", "", "a/2", "", WB_GOAL_DOWN, WBL_E_INVALID },
    { "memory_gone", "a/1 a/5", "", "a/2 a/3 a/9", "", WB_GOAL_UP, WBL_E_INVALID },
    { "memory_needed", "a/1 b/1>a@1", "b a", "a/1 b/1", "", WB_GOAL_DOWN, 0 },
};

/* All of it in a row; what it says counts from the first call that fails. */
static int run_all(world *w, int goal)
{
    static const wb_protocol_rules rules = { .caps = WB_CAP_TXN_DDL };
    int rc = world_plan(w, goal);
    int chosen = rc == 0 ? wb_plan_protocols(&w->cx, &w->mem, &rules, &w->found, &w->plan) : rc;
    if (chosen == WBL_E_NOMEM || w->st.items == NULL)
        return chosen;
    int checked = wb_plan_validate(&w->cx, &w->mem, &w->graph, &w->set, &w->st, &w->found);
    if (checked != 0)
        return checked;
    if (!wb_text_diff(&w->mem, WB_STR("a\nb\n"), WB_STR("a\nc\nd\n")))
        return wb_nomem(&w->cx);
    return chosen;
}

/* Arenas ask for memory rarely, so their current chunk is filled up to `left` bytes: then each call in turn is the one
   that finds no room. */
static void leave_room(wb_arena *mem, size_t left)
{
    const size_t chunk = 16384, piece = 1024;
    for (size_t used = 0; used + left < chunk;) {
        size_t n = chunk - left - used < piece ? chunk - left - used : piece;
        assert_non_null(wb_arena_get(mem, n));
        used += n;
    }
}

static bool is_survived(const struct memory_row *row, long k, size_t left)
{
    world w;
    world_start(&w, row->files, row->config);
    world_rows(&w, SHAPE_NATIVE, row->rows);
    world_records(&w, row->records);
    w.request.is_preview = true;
    long before = wb_alloc_live();
    leave_room(&w.mem, left);
    (void)wb_alloc_fail_at(k);
    int rc = run_all(&w, row->goal);
    bool has_failed = wb_alloc_fail_at(0) >= k;
    assert_int_equal(rc, has_failed ? WBL_E_NOMEM : row->rc);
    if (has_failed)
        assert_string_equal(w.err.message, "out of memory");
    wb_arena_done(&w.mem);
    assert_int_equal(wb_alloc_live(), before);
    world_done(&w);
    return !has_failed;
}

static void every_allocation_may_fail(void **state)
{
    const struct memory_row *row = *state;
    for (long k = 1; !is_survived(row, k, 16384); k++)
        assert_true(k < 500);
    for (size_t left = 0; left < 16384; left += 48)
        (void)is_survived(row, 1, left);
}

int main(void)
{
    struct CMUnitTest tests[32] = {
        cmocka_unit_test(every_edge_is_respected),
        cmocka_unit_test(what_went_up_comes_down_backwards),
        cmocka_unit_test(the_order_does_not_depend_on_the_input),
        cmocka_unit_test(random_edges_end_in_an_order_or_a_cycle),
        cmocka_unit_test(ten_thousand_are_no_trouble),
    };
    size_t n = 5;
    ROW_TESTS(memory_rows, every_allocation_may_fail)
    return _cmocka_run_group_tests("plan/order", tests, n, NULL, NULL);
}
