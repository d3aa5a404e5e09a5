/*
 * settings: what libxl must be told. See settings.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* MiB that a guest takes beyond what its flavour's figures are for. */
struct needs { long devices, pci, files; };

static long needs_sum(const struct needs *needs)
{
    return needs->devices + needs->pci + needs->files;
}

/* "QEMU takes 22, PCI devices 4 more" */
static void needs_list(const struct needs *needs, long least, char *text, size_t size)
{
    const struct { long mib; const char *what; } rows[] = {
        {needs->devices, "the guest's NICs, disks and vCPUs"},
        {needs->pci, "PCI devices"},
        {needs->files, "kernel and ramdisk while it starts"},
    };
    size_t len = snprintf(text, size, "QEMU takes %ld", least);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && len < size; i++)
        if (rows[i].mib)
            len += snprintf(text + len, size - len, ", %s %ld more", rows[i].what, rows[i].mib);
}

static int check_memory(const struct config *config, struct needs needs, struct fault *fault)
{
    const struct flavour *flavour = config->flavour;
    long least = config->debug_image ? flavour->memory.least_debug : flavour->memory.least, needed;
    char list[200];

    needs.devices = devices_memory(&config->devices, flavour, 1, 1, flavour->memory.vcpus / 2);
    needed = least + needs_sum(&needs);
    if (config->memory >= needed)
        return 0;
    needs_list(&needs, least, list, sizeof(list));
    return fault_set(fault, -EINVAL,
                     "%s: stubdom_memory = %ld is too small: stubdom_flavor = \"%s\" needs %ld MiB (%s)",
                     config->source, config->memory, flavour->name, needed, list);
}

/* stubdomain_memory, *memory, comes without the video memory, which libxl adds to it (libxl_dm.c). */
static int work_out_memory(const struct config *config, long *memory, long *sum, struct fault *fault)
{
    const struct flavour *flavour = config->flavour;
    struct needs needs = {
        .devices = devices_memory(&config->devices, flavour, flavour->memory.nics, flavour->memory.disks,
                                  flavour->memory.vcpus),
        .pci = config->pci.wanted ? flavour->memory.pci : 0,
        .files = config->files,
    };
    long total = config->memory + (config->memory_given ? 0 : needs_sum(&needs));
    int rc = config->memory_given ? check_memory(config, needs, fault) : 0;

    if (rc)
        return rc;
    if (total < config->video && config->memory_given)
        return fault_set(fault, -EINVAL,
                         "%s: stubdom_memory = %ld is too small: libxl gives the stub domain the "
                         "%ld MiB of the guest's video memory already",
                         config->source, total, config->video);
    *memory = total < config->video ? 0 : total - config->video;
    *sum = *memory + config->video;
    return 0;
}

/* A config may repeat what we would say (pasted from --print-config), not contradict it. */
static int check_conflict(const struct config *config, enum libxl_key key, const char *ours,
                          bool number, struct fault *fault)
{
    const char *theirs = config->libxl[key];
    const char *name = libxl_key_names[key];

    if (!theirs || !strcmp(theirs, ours) ||
        (number && strtol(theirs, NULL, 0) == strtol(ours, NULL, 0)))
        return 0;
    return fault_set(fault, -EINVAL,
                     "%s: %s = \"%s\" contradicts stubdom_flavor, which sets it to \"%s\": "
                     "remove one of them%s",
                     config->source, name, theirs, ours,
                     key == KEY_CMDLINE  ? " (stubdom_cmdline adds arguments)"
                     : key == KEY_MEMORY ? " (stubdom_memory sets the size)"
                                           : "");
}

static int add(struct settings *settings, const struct config *config, enum libxl_key key,
               const char *value, bool number, struct fault *fault)
{
    cleanup_free char *text = number ? strdup(value) : config_quote(value);
    int rc = check_conflict(config, key, value, number, fault);

    if (rc)
        return rc;
    if (!text || asprintf(&settings->line[key], "%s=%s", libxl_key_names[key], text) < 0) {
        settings->line[key] = NULL;
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);
    }
    settings->count++;
    return 0;
}

/* Only there when the config's own will not do. */
static int add_line(struct settings *settings, const struct config *config, const char *line, struct fault *fault)
{
    if (!line)
        return 0;
    settings->line[settings->count] = strdup(line);
    if (!settings->line[settings->count])
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);
    settings->count++;
    return 0;
}

static int join_path(char **path, const char *folder, const char *name)
{
    if (asprintf(path, "%s/%s", folder, name) >= 0)
        return 0;
    *path = NULL;
    return -ENOMEM;
}

/* Words of the flavour, of ours and of the user's, with one blank between any two. */
static char *make_cmdline(const struct config *config)
{
    const char *const words[] = {
        config->flavour->arguments,
        config->firewall ? "" : "stubdom.firewall=0",
        config->cmdline ? config->cmdline : "",
    };
    size_t size = 1;
    char *text;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        size += strlen(words[i]) + 1;
    text = calloc(1, size);
    for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
        if (*text && *words[i])
            strcat(text, " ");
        strcat(text, words[i]);
    }
    return text;
}

int settings_find_files(struct settings *settings, const struct config *config,
                        const struct places *places)
{
    const struct flavour *flavour = config->flavour;
    int rc = join_path(&settings->kernel, places->firmware,
                       config->pci.wanted ? flavour->pci_kernel : flavour->kernel);

    return rc ? rc : join_path(&settings->ramdisk, places->firmware,
                               config->debug_image ? flavour->debug_ramdisk : flavour->ramdisk);
}

int settings_init(struct settings *settings, const struct config *config,
                  const struct places *places, struct fault *fault)
{
    cleanup_free char *cmdline = NULL;
    char memory_text[24];
    long memory = 0;
    int rc;

    memset(settings, 0, sizeof(*settings));
    rc = work_out_memory(config, &memory, &settings->memory, fault);
    if (rc)
        return rc;
    snprintf(memory_text, sizeof(memory_text), "%ld", memory);
    cmdline = make_cmdline(config);
    if (!cmdline || settings_find_files(settings, config, places))
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);

    if ((rc = add(settings, config, KEY_STUBDOMAIN, "1", true, fault)) ||
        (rc = add(settings, config, KEY_VERSION, "qemu-xen", false, fault)) ||
        (rc = add(settings, config, KEY_DEVICE_MODEL, places->daemon, false, fault)) ||
        (rc = add(settings, config, KEY_KERNEL, settings->kernel, false, fault)) ||
        (rc = add(settings, config, KEY_RAMDISK, settings->ramdisk, false, fault)) ||
        (rc = add(settings, config, KEY_CMDLINE, cmdline, false, fault)))
        return rc;
    rc = add(settings, config, KEY_MEMORY, memory_text, true, fault);
    /*
     * The guest has one in any case. But for Xen's tables of its memory libxl (4.20) sets aside 1 MiB for each that the
     * config says: with none a guest of 32 MiB ended when QEMU showed it its screen.
     */
    if (!rc)
        rc = add_line(settings, config, config->vcpus_given ? NULL : "vcpus=1", fault);
    /* Its backend would be a QEMU in dom0: Linux with the driver built in waits 25 s for it when it boots. */
    if (!rc)
        rc = add_line(settings, config, config->vkb_given ? NULL : "vkb_device=0", fault);
    if (!rc)
        rc = add_line(settings, config, config->disks, fault);
    if (!rc)
        rc = add_line(settings, config, config->pci.setting, fault);
    return rc ? rc : add_line(settings, config, config->vifs, fault);
}

void settings_dispose(struct settings *settings)
{
    free(settings->kernel);
    free(settings->ramdisk);
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        free(settings->line[i]);
    memset(settings, 0, sizeof(*settings));
}
