/*
 * The admin's orders to the kernel (pv.h): `xl sysrq DOMAIN t` writes the letter to control/sysrq.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#define NODE "control/sysrq"
#define STACK 4 /* pages */

void (*pv_on_show)(void);

static void obey(void *arg)
{
    char letter[8];

    if (pv_store_read(NODE, letter, sizeof(letter)) < 0 || !pv_streq(letter, "t"))
        return;
    pv_log("all threads, on request:");
    pv_threads_show();
    if (pv_on_show)
        pv_on_show();
}

/* Reading sleeps, which a watch's function must not. */
static void changed(void *arg, const char *path)
{
    pv_thread_create("sysrq", obey, NULL, STACK);
}

void pv_sysrq_init(void)
{
    static struct pv_watch *watch; /* for ever */

    /* Without it the domain is as good as with it. */
    (void)pv_watch(NODE, changed, NULL, &watch);
}
