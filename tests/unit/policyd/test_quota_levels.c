/* test_quota_levels.c: what is news of a mailbox and what is a repeat, under clocks that jump, and how it is kept. */
#include "policyd/quota/levels.h"
#include "tests/unit/base/test.h"

#define T G_GINT64_CONSTANT(1796000000000)
#define HOUR G_GINT64_CONSTANT(3600000)
#define DAY (24 * HOUR)
#define NONE QUOTA_KINDS

static const struct quota_rules rules = {{80, 95, 100}, 3, HOUR, DAY};
static struct quota_roots roots;
static gboolean changed;

static enum quota_kind
take(const struct quota_sample *sample, gint64 now_ms)
{
    struct quota_root *root;
    enum quota_kind news = quota_levels_take(&roots, sample, &rules, now_ms, &root, &changed);

    assert_ptr_equal(root, quota_roots_find(&roots, sample->root));
    return news;
}

static enum quota_kind
at(gint64 used, gint64 now_ms)
{
    return take(&(struct quota_sample){.root = "r", .used = used, .limit = 1000, .percent = -1, .at_ms = now_ms}, now_ms);
}

static enum quota_kind
refused(gint64 used, gint64 now_ms)
{
    return take(&(struct quota_sample){.root = "r", .used = used, .limit = 1000, .percent = -1, .at_ms = now_ms, .rejected = TRUE}, now_ms);
}

static int
setup(void **state)
{
    (void)state;
    memset(&roots, 0, sizeof roots);
    return 0;
}

static void
test_rises_are_told_once(void **state)
{
    (void)state;
    assert_int_equal(at(799, T), NONE);
    assert_int_equal(at(800, T + 1), QUOTA_OVER);
    assert_true(changed);
    assert_int_equal(at(800, T + 2), NONE); /* four sessions at once */
    assert_false(changed);
    assert_int_equal(at(940, T + 3), NONE);
    assert_int_equal(at(960, T + 4), QUOTA_OVER);
    assert_int_equal(at(1000, T + 5), QUOTA_OVER);
    assert_int_equal(at(1000, T + 30 * DAY), NONE);
    setup(NULL);
    assert_int_equal(at(1200, T), QUOTA_OVER); /* all at once is one */
    assert_int_equal(roots.root[0].level, 100);
    assert_int_equal(at(810, T + 1), NONE);
}

static void
test_falls_are_told_when_settled(void **state)
{
    (void)state;
    at(960, T);
    assert_int_equal(at(100, T + 1), NONE);
    assert_int_equal(at(960, T + 2), NONE); /* up and down */
    assert_int_equal(at(100, T + HOUR - 1), NONE);
    assert_int_equal(at(100, T + HOUR), QUOTA_UNDER);
    assert_int_equal(at(100, T + HOUR + 1), NONE);
    assert_int_equal(at(850, T + HOUR + 2), QUOTA_OVER);
    assert_int_equal(at(100, T + HOUR + 3), NONE);
    assert_int_equal(at(100, T + 3 * HOUR), QUOTA_UNDER);
    /* A fall to a lower level says nothing, but rising again does. */
    at(960, T + 4 * HOUR);
    assert_int_equal(at(850, T + 6 * HOUR), NONE);
    assert_int_equal(roots.root[0].told, 80);
    assert_int_equal(at(960, T + 6 * HOUR + 1), QUOTA_OVER);
}

/* Nothing is heard between a fall and the next rise. */
static void
test_a_fall_without_more_news(void **state)
{
    (void)state;
    struct quota_sample again;

    at(850, T);
    assert_int_equal(quota_levels_fall(&roots, &rules), 0);
    assert_int_equal(at(100, T + 1000), NONE);
    assert_int_equal(quota_levels_fall(&roots, &rules), T + HOUR);
    assert_int_equal(at(850, T + DAY), QUOTA_OVER); /* of a mailbox that was empty all day */
    /* Or it is looked again. */
    assert_int_equal(at(100, T + DAY + 1000), NONE);
    again = quota_levels_again(&roots.root[0]);
    assert_int_equal(take(&again, T + DAY + HOUR - 1), NONE);
    assert_int_equal(take(&again, T + DAY + HOUR), QUOTA_UNDER);
    assert_int_equal(roots.root[0].at_ms, T + DAY + 1000); /* which makes it no newer */
    assert_int_equal(quota_levels_fall(&roots, &rules), 0);
    /* The same of a percentage. */
    setup(NULL);
    take(&(struct quota_sample){.root = "", .percent = 80, .at_ms = T}, T);
    assert_int_equal(take(&(struct quota_sample){.root = "", .percent = 79, .at_ms = T + 1}, T + 1), NONE);
    again = quota_levels_again(&roots.root[0]);
    assert_int_equal(again.percent, 79);
    assert_int_equal(take(&again, T + HOUR), QUOTA_UNDER);
}

static void
test_refusals(void **state)
{
    (void)state;
    assert_int_equal(refused(970, T), QUOTA_REJECTED);
    assert_int_equal(at(970, T + 1), NONE); /* has been said with it */
    assert_int_equal(refused(970, T + 2), NONE);
    assert_int_equal(refused(1000, T + 3), QUOTA_OVER);
    assert_int_equal(refused(1000, T + DAY - 1), NONE);
    assert_int_equal(refused(1000, T + DAY), QUOTA_REJECTED);
    setup(NULL);
    assert_int_equal(refused(300, T), QUOTA_REJECTED); /* one message was too big */
    assert_int_equal(at(810, T + 1), QUOTA_OVER);
}

static void
test_messages_and_limits(void **state)
{
    (void)state;
    struct quota_sample sample = {.root = "r", .used = 10, .limit = 0, .messages = 96, .messages_limit = 100, .percent = -1, .at_ms = T};

    assert_int_equal(take(&sample, T), QUOTA_OVER);
    assert_int_equal(roots.root[0].percent, 96);
    setup(NULL);
    assert_int_equal(at(500, T), NONE);
    sample = (struct quota_sample){.root = "r", .used = 500, .limit = 600, .percent = -1, .at_ms = T + 1}; /* lowered */
    assert_int_equal(take(&sample, T + 1), QUOTA_OVER);
    sample.limit = 0;
    sample.at_ms = T;
    assert_int_equal(take(&sample, T + 2 * HOUR), NONE); /* older than what is known */
    sample.at_ms = T + 2 * HOUR;
    assert_int_equal(take(&sample, T + 2 * HOUR), QUOTA_UNDER);
    sample = (struct quota_sample){.root = "r", .used = G_MAXINT64, .limit = 1, .percent = -1, .at_ms = T + 3 * HOUR};
    assert_int_equal(take(&sample, T + 3 * HOUR), QUOTA_OVER);
    assert_int_equal(roots.root[0].percent, QUOTA_PERCENT_MAX);
}

static void
test_polls(void **state)
{
    (void)state;
    struct quota_sample sample = {.root = "r", .used = 85 * 1024, .limit = 100 * 1024, .percent = -1, .at_ms = T, .whole_kib = TRUE, .quiet = TRUE};

    assert_int_equal(take(&sample, T), NONE); /* seen for the first time: nobody passed a level */
    assert_true(changed);
    assert_int_equal(roots.root[0].told, 80);
    sample.used = 96 * 1024;
    sample.at_ms = T - 1;
    assert_int_equal(take(&sample, T + 1), NONE); /* older */
    sample.at_ms = T + 2;
    assert_int_equal(take(&sample, T + 2), QUOTA_OVER);
    /* Within a KiB the event knows better. */
    setup(NULL);
    assert_int_equal(take(&(struct quota_sample){.root = "r", .used = 80 * 1024 + 1000, .limit = 101 * 1024, .percent = -1, .at_ms = T}, T), QUOTA_OVER);
    sample = (struct quota_sample){.root = "r", .used = 80 * 1024, .limit = 101 * 1024, .percent = -1, .at_ms = T + 2 * HOUR, .whole_kib = TRUE};
    assert_int_equal(take(&sample, T + 2 * HOUR), NONE);
    assert_int_equal(roots.root[0].used, 80 * 1024 + 1000);
}

static void
test_percent_only(void **state)
{
    (void)state;
    struct quota_sample sample = {.root = "", .percent = 80, .at_ms = T};

    assert_int_equal(take(&sample, T), QUOTA_OVER);
    sample.percent = 79;
    sample.at_ms = T + 2 * HOUR;
    assert_int_equal(take(&sample, T + 2 * HOUR), QUOTA_UNDER);
    assert_int_equal(roots.root[0].limit, 0);
}

static void
test_order_and_clocks(void **state)
{
    (void)state;
    assert_int_equal(at(960, T + 5000), QUOTA_OVER);
    /* A datagram that was overtaken. */
    assert_int_equal(take(&(struct quota_sample){.root = "r", .used = 100, .limit = 1000, .percent = -1, .at_ms = T + 4000}, T + 6000), NONE);
    assert_int_equal(roots.root[0].used, 960);
    /* From the future: counts as now, and does not shut out what follows. */
    assert_int_equal(take(&(struct quota_sample){.root = "r", .used = 970, .limit = 1000, .percent = -1, .at_ms = T + 900 * DAY}, T + 7000), NONE);
    assert_int_equal(roots.root[0].at_ms, T + 7000);
    /* The clock jumps back for good: the level falls when it has settled by the new clock. */
    assert_int_equal(at(100, T - 100 * DAY), NONE);
    assert_int_equal(roots.root[0].used, 100);
    assert_int_equal(at(100, T - 100 * DAY + HOUR), QUOTA_UNDER);
    /* And forth: nothing is told again. */
    at(960, T - 99 * DAY);
    assert_int_equal(at(960, T + 1000 * DAY), NONE);
}

static void
test_how_it_is_kept(void **state)
{
    (void)state;
    struct quota_roots again;
    char name[QUOTA_ROOT_MAX + 1];

    at(960, T);
    refused(970, T + 1);
    g_autofree char *text = quota_roots_write(&roots, 4000);
    quota_roots_read(text, &again);
    assert_int_equal(again.n, 1);
    again.root[0] = *quota_roots_find(&again, "r");
    assert_int_equal(again.root[0].used, 970);
    assert_int_equal(again.root[0].limit, 1000);
    assert_int_equal(again.root[0].told, 95);
    assert_int_equal(again.root[0].told_ms, roots.root[0].told_ms);
    assert_int_equal(again.root[0].rejected_ms, T + 1);
    assert_int_equal(again.root[0].at_ms, T + 1);
    quota_roots_read(NULL, &again);
    assert_int_equal(again.n, 0);
    quota_roots_read("{\"roots\":[1,{},{\"root\":\"x\",\"used\":-5,\"told\":\"y\",\"percent\":99999}]}", &again);
    assert_int_equal(again.n, 1);
    assert_int_equal(again.root[0].used, 0);
    assert_int_equal(again.root[0].percent, QUOTA_PERCENT_MAX);
    quota_roots_read("[", &again);
    assert_int_equal(again.n, 0);
    /* Many roots, with names that escape long: those with the latest news are kept. */
    setup(NULL);
    memset(name, '\001', QUOTA_ROOT_MAX);
    name[QUOTA_ROOT_MAX] = '\0';
    for (int i = 0; i < 20; i++) {
        name[0] = (char)('a' + i);
        take(&(struct quota_sample){.root = name, .used = 1, .limit = 2, .percent = -1, .at_ms = T + i}, T + i);
    }
    assert_int_equal(roots.n, QUOTA_ROOTS_MAX);
    g_autofree char *shorter = quota_roots_write(&roots, 4000);
    assert_true(strlen(shorter) <= 4000);
    quota_roots_read(shorter, &again);
    assert_in_range(again.n, 2, QUOTA_ROOTS_MAX - 1);
    assert_non_null(quota_roots_find(&again, name));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rises_are_told_once, setup), cmocka_unit_test_setup(test_falls_are_told_when_settled, setup),
        cmocka_unit_test_setup(test_a_fall_without_more_news, setup),
        cmocka_unit_test_setup(test_refusals, setup),            cmocka_unit_test_setup(test_messages_and_limits, setup),
        cmocka_unit_test_setup(test_polls, setup),               cmocka_unit_test_setup(test_percent_only, setup),
        cmocka_unit_test_setup(test_order_and_clocks, setup),    cmocka_unit_test_setup(test_how_it_is_kept, setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
