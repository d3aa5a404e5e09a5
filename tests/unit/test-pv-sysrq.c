// sources: launcher/xen-layer/sysrq.c launcher/xen-layer/text.c
/*
 * `xl sysrq`, with a node that the test writes, and threads that run at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/layer.h"

static const char *node; /* NULL: there is none */
static pv_watch_fn *watched;
static int logged, shown, shown_more;

int pv_watch(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch)
{
    assert_string_equal(path, "control/sysrq");
    watched = fn;
    return 0;
}

int pv_store_read(const char *path, char *value, size_t size)
{
    assert_string_equal(path, "control/sysrq");
    if (!node || strlen(node) >= size)
        return node ? -PV_ERANGE : -PV_ENOENT;
    strcpy(value, node);
    return (int)strlen(value);
}

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    fn(arg);
    return NULL;
}

void pv_log(const char *format, ...) { logged++; }
void pv_threads_show(void) { shown++; }
static void show_more(void) { shown_more++; }

static void test_letters(void **state)
{
    static const struct { const char *node; int shown; } rows[] = {
        { NULL, 0 }, { "", 0 }, { "t", 1 }, { "T", 0 }, { "th", 0 }, { "c", 0 }, { "tttttttttttt", 0 },
    };

    pv_sysrq_init();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int flavours = 0; flavours < 2; flavours++) {
            logged = shown = shown_more = 0;
            node = rows[i].node;
            pv_on_show = flavours ? show_more : NULL;
            watched(NULL, "control/sysrq");
            assert_int_equal(shown, rows[i].shown);
            assert_int_equal(logged, rows[i].shown);
            assert_int_equal(shown_more, rows[i].shown * flavours);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_letters) };

    return cmocka_run_group_tests_name("pv-sysrq", tests, NULL, NULL);
}
