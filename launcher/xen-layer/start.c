/*
 * From Xen's entry to the flavour's first thread (pv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

start_info_t *pv_start_info;
shared_info_t *pv_shared_info;
extern char pv_shared_info_page[];
void pv_start(start_info_t *info);

const char *pv_command_line(void)
{
    return (const char *)pv_start_info->cmd_line;
}

void *pv_ramdisk(size_t *size)
{
    *size = pv_start_info->mod_len;
    return *size ? (void *)pv_start_info->mod_start : NULL;
}

uint16_t pv_domid(void)
{
    static uint64_t domid;

    if (!domid && pv_store_read_uint("domid", DOMID_FIRST_RESERVED, &domid))
        pv_panic("xenstore does not say who we are");
    return (uint16_t)domid;
}

static void first(void *arg)
{
    pv_store_init(pv_page_of(pv_start_info->store_mfn), pv_start_info->store_evtchn);
    pv_entropy_init();
    pv_sysrq_init();
    pv_main();
}

void pv_start(start_info_t *info)
{
    pv_start_info = info;
    HYPERCALL3(update_va_mapping, pv_shared_info_page, info->shared_info | 7, UVMF_INVLPG);
    pv_shared_info = (shared_info_t *)pv_shared_info_page;
    info->cmd_line[MAX_GUEST_CMDLINE - 1] = '\0';
    pv_events_init();
    pv_clock_init();
    pv_traps_init();
    pv_console_init(pv_page_of(info->console.domU.mfn), info->console.domU.evtchn);
    pv_memory_init();
    if (pv_grants_init())
        pv_panic("no grant table");
    pv_threads_begin(first);
}
