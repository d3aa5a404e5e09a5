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

/*
 * console: the log goes to the first PV console, which libxl connects to the guest's qemu-dm log.
 * unrestricted: since 2026 Linux limits privcmd in a domU, and QEMU could make no hypercall;
 * the launcher narrows it again.
 */
#define KERNEL_ARGUMENTS "console=hvc0 xen_privcmd.unrestricted=1"

/* stubdomain_memory comes without the video memory, which libxl adds to it (libxl_dm.c). */
static int work_out_memory(const struct config *config, long *memory, struct fault *fault)
{
    long total = config->memory + (config->memory_given ? 0 : config->files);

    if (total < config->video && config->memory_given)
        return fault_set(fault, -EINVAL,
                         "%s: stubdom_memory = %ld is too small: libxl gives the stub domain the "
                         "%ld MiB of the guest's video memory already",
                         config->source, total, config->video);
    if (config->files && total < STUBDOM_MEMORY_LEAST + config->files)
        return fault_set(fault, -EINVAL,
                         "%s: stubdom_memory = %ld is too small: QEMU takes %d MiB, and %ld more "
                         "for kernel and ramdisk while it starts",
                         config->source, total, STUBDOM_MEMORY_LEAST, config->files);
    *memory = total < config->video ? 0 : total - config->video;
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

/* The one list among the settings, and only there when the config's own will not do. */
static int add_disks(struct settings *settings, const struct config *config, struct fault *fault)
{
    if (!config->disks)
        return 0;
    settings->line[settings->count] = strdup(config->disks);
    if (!settings->line[settings->count])
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);
    settings->count++;
    return 0;
}

static int name_files(struct settings *settings, const struct config *config,
                      const struct places *places, char **cmdline)
{
    if (asprintf(&settings->kernel, "%s/qemu-stubdom-linux-kernel", places->firmware) < 0) {
        settings->kernel = NULL;
        return -ENOMEM;
    }
    if (asprintf(&settings->ramdisk, "%s/qemu-stubdom-linux-rootfs%s", places->firmware,
                 config->debug_image ? "-debug" : "") < 0) {
        settings->ramdisk = NULL;
        return -ENOMEM;
    }
    if (asprintf(cmdline, "%s%s%s%s", KERNEL_ARGUMENTS,
                 config->firewall ? "" : " stubdom.firewall=0", config->cmdline ? " " : "",
                 config->cmdline ? config->cmdline : "") < 0) {
        *cmdline = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int init_linux(struct settings *settings, const struct config *config,
                      const struct places *places, struct fault *fault)
{
    cleanup_free char *cmdline = NULL;
    char memory_text[24];
    long memory = 0;
    int rc;

    rc = work_out_memory(config, &memory, fault);
    if (rc)
        return rc;
    snprintf(memory_text, sizeof(memory_text), "%ld", memory);
    if (name_files(settings, config, places, &cmdline))
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);

    if ((rc = add(settings, config, KEY_STUBDOMAIN, "1", true, fault)) ||
        (rc = add(settings, config, KEY_VERSION, "qemu-xen", false, fault)) ||
        (rc = add(settings, config, KEY_DEVICE_MODEL, places->daemon, false, fault)) ||
        (rc = add(settings, config, KEY_KERNEL, settings->kernel, false, fault)) ||
        (rc = add(settings, config, KEY_RAMDISK, settings->ramdisk, false, fault)) ||
        (rc = add(settings, config, KEY_CMDLINE, cmdline, false, fault)))
        return rc;
    rc = add(settings, config, KEY_MEMORY, memory_text, true, fault);
    return rc ? rc : add_disks(settings, config, fault);
}

int settings_init(struct settings *settings, const struct config *config,
                  const struct places *places, struct fault *fault)
{
    memset(settings, 0, sizeof(*settings));
    if (config->flavour == FLAVOUR_RUMP) {
        if (asprintf(&settings->kernel, "%s/qemu-stubdom-rump", places->firmware) >= 0)
            return 0;
        settings->kernel = NULL;
        return fault_set(fault, -ENOMEM, "%s: out of memory", config->source);
    }
    return init_linux(settings, config, places, fault);
}

void settings_dispose(struct settings *settings)
{
    free(settings->kernel);
    free(settings->ramdisk);
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        free(settings->line[i]);
    memset(settings, 0, sizeof(*settings));
}
