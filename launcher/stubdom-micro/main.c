/*
 * The micro flavour's kernel: unpacks the ramdisk, offers the devices, starts the launcher,
 * which does the rest as on Linux.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

/* The archive is in the image itself (micro.lds): every Xen's builder unpacks a kernel, but not every one a ramdisk. */
extern char micro_archive[], micro_archive_end[];

static const struct { const char *name; int (*init)(void); } devices[] = {
    { "misc", dev_misc_init },     { "console", dev_console_init }, { "xenbus", dev_xenbus_init },
    { "evtchn", dev_evtchn_init }, { "privcmd", dev_privcmd_init }, { "gnttab", dev_gnttab_init },
    { "tap", dev_tap_init },       { "disk", dev_disk_init },
};

/* An archive that is given as a ramdisk replaces the image's. This is for tests and debugging. */
static int unpack(void)
{
    size_t size, own = (size_t)(micro_archive_end - micro_archive);
    char *ramdisk = pv_ramdisk(&size);

    if (size < 6 || pv_compare(ramdisk, "070701", 6))
        return nodes_unpack(micro_archive, own);
    pv_pages_add(micro_archive, own / PV_PAGE);
    return nodes_unpack(ramdisk, size);
}

#define WORDS 8 /* how many words of the command line are passed on */

static char *end_of_word(char *word)
{
    while (*word && *word != ' ')
        word++;
    return word;
}

/* As on Linux: NAME=VALUE goes to the first program, unless NAME has a dot: then it is a kernel module's. */
static bool is_variable(const char *word)
{
    const char *at = word;

    while (*at && *at != '=' && *at != '.')
        at++;
    return *at == '=' && at > word;
}

#define FIRST_PROGRAM "rdinit=" /* as on Linux; does not go into the environment */

/* Words of the kernel's command line become variables of the first program's environment. */
static const char *const *environment(char *text, const char **first)
{
    static const char *variables[WORDS + 3] = { "HOME=/", "TERM=linux" };
    size_t count = 2;

    for (char *word = text, *end; *word && count < WORDS + 2; word = end) {
        end = end_of_word(word);
        if (*end)
            *end++ = '\0';
        if (!pv_compare(word, FIRST_PROGRAM, sizeof(FIRST_PROGRAM) - 1))
            *first = word + sizeof(FIRST_PROGRAM) - 1;
        else if (is_variable(word))
            variables[count++] = word;
    }
    return variables;
}

static void start_first(void)
{
    static char text[MAX_GUEST_CMDLINE];
    const char *first = "/init", *const *variables;
    int rc;

    pv_format(text, sizeof(text), "%s", pv_command_line());
    variables = environment(text, &first);
    rc = process_start_first(first, (const char *const[]){ first, NULL }, variables);
    if (rc)
        pv_panic("cannot start %s: error %d", first, -rc);
}

void pv_main(void)
{
    int rc;

    pv_log("micro: %lu KiB of memory, %lu free", pv_pages_total() * 4, pv_pages_free() * 4);
    pv_log("micro: domain %u", pv_domid()); /* read from xenstore here, so that later calls do not sleep */
    task_init();
    rc = unpack();
    if (rc)
        pv_panic("what should be an archive is none: error %d", -rc);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        rc = devices[i].init();
        if (rc)
            pv_panic("%s: error %d", devices[i].name, -rc);
    }
    start_first();
    pv_log("micro: %lu KiB free", pv_pages_free() * 4);
    pv_thread_exit();
}
