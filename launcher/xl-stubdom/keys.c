/*
 * keys: every key of xl.cfg(5). See keys.h.
 *
 * Source: xl.cfg(5) and xl_parse.c of Xen 4.17, 4.20 and 4.22.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "keys.h"

#include <ctype.h>
#include <errno.h>
#include <libxl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static bool is_any(const struct key *key, const char *value)
{
    return value[0];
}

/* xl takes numbers only, 0 for no. */
static bool is_on(const struct key *key, const char *value)
{
    char *end;

    return strtol(value, &end, 0) || *end;
}

static bool is_one_of(const struct key *key, const char *value)
{
    size_t len = strlen(value);

    for (const char *word = key->words; *word; word += strspn(word, " ")) {
        size_t n = strcspn(word, " ");

        if (n == len && !strncmp(word, value, n))
            return true;
        word += n;
    }
    return false;
}

static bool is_none_of(const struct key *key, const char *value)
{
    return value[0] && !is_one_of(key, value);
}

/* QEMU's part ends without one. */
static bool is_no_device(const struct key *key, const char *value)
{
    return !is_one_of(key, value);
}

/* libxl's own parser: of "host,word=value,…", or of an entry of a list. xl goes on without what it does not take. */
static bool is_bad_cpuid(const struct key *key, const char *value)
{
    libxl_cpuid_policy_list policies = NULL;
    cleanup_free char *copy = strdup(value);
    char *save = NULL, *word = copy ? strtok_r(copy, ",", &save) : NULL;
    int rc = 0;

    if (word && strcmp(word, "host"))
        rc = libxl_cpuid_parse_config_xend(&policies, value);
    while (!rc && word && !strncmp(value, "host", 4) && (word = strtok_r(NULL, ",", &save)))
        rc = libxl_cpuid_parse_config(&policies, word);
    libxl_cpuid_dispose(&policies);
    return rc != 0;
}

/* What may follow the order of boot devices, of QEMU's -boot: a file for splash= is dom0's. */
static bool is_boot_option(const char *text, size_t len)
{
    static const char *const options[] = {"menu=", "strict=", "splash-time=", "reboot-timeout="};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (len > strlen(options[i]) && !strncmp(text, options[i], strlen(options[i])))
            return true;
    return false;
}

/*
 * The order of boot devices, perhaps with more options of QEMU's behind a comma. QEMU ends when it does not know a
 * letter.
 */
static bool is_bad_order(const struct key *key, const char *value)
{
    size_t len = strcspn(value, ",");

    for (const char *p = value + len; *p; p += 1 + strcspn(p + 1, ","))
        if (!is_boot_option(p + 1, strcspn(p + 1, ",")))
            return true;
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdn", value[i]) || memchr(value, value[i], i))
            return true;
    return len > 3;
}

/* An entry of vkb= that leaves the backend to libxl gets QEMU's. */
static bool is_for_qemu(const struct key *key, const char *value)
{
    return value[0] && !strstr(value, key->words);
}

#define WITH_PCI "only with pci="
#define NO_RDM "reserved memory of a device was never tried with a stub domain"
#define NO_GFX "graphics passthrough is not there yet: QEMU needs dom0's firmware for it"
#define OF_XEN "Xen's own"
#define NOT_HVM "not for HVM guests"
#define FOR_ARM "for Arm"
#define IN_DOM0 "its backend is a QEMU in dom0, and a guest with a stub domain has none"
#define NO_SPICE "SPICE needs a network, and a stub domain has none; VNC is served"
#define ROMBIOS "QEMU in a stub domain has SeaBIOS and OVMF"
#define MEMORY_MAX (16 << 20) /* 16 TiB */
#define FRAMES_MAX 16384      /* Linux has arrays for so many from the start, and more were not seen to fit */
#define SET "set by xl-stubdom; another value is refused"

#define ROW(key, judged, text, ...) {.name = key, .verdict = KEY_##judged, .note = text, __VA_ARGS__}
#define ROW_SINCE(key, minor, judged, text) ROW(key, judged, text, .since = minor)
/* With values that are refused. */
#define ROW_BUT(key, judged, text, function, list, why) \
    ROW(key, judged, text, .refuses = function, .words = list, .reason = why)
#define NUMBER .number = true
#define FROM_TO(least, most) .number = true, .min = least, .max = most

const struct key keys[] = {
    /* The guest. */
    ROW("name", SERVED, NULL),
    ROW("type", SERVED, "`\"hvm\"`"),
    ROW("builder", SERVED, "`\"hvm\"`"),
    ROW("uuid", SERVED, NULL),
    ROW("memory", SERVED, NULL, FROM_TO(1, MEMORY_MAX)),
    ROW("maxmem", SERVED, NULL, FROM_TO(1, MEMORY_MAX)),
    ROW("vcpus", SERVED, "1 unless it is given: libxl then counts it when it sets memory aside for Xen's tables",
        FROM_TO(0, VCPUS_MAX)),
    ROW("maxvcpus", SERVED, NULL, FROM_TO(0, VCPUS_MAX)),
    ROW("on_poweroff", SERVED, NULL),
    ROW("on_reboot", SERVED, NULL),
    ROW("on_watchdog", SERVED, NULL),
    ROW("on_crash", SERVED, NULL),
    ROW("on_soft_reset", SERVED, NULL),
    ROW("seclabel", HARMLESS, "not tried"),
    ROW("init_seclabel", HARMLESS, "not tried"),
    ROW("device_model_stubdomain_seclabel", HARMLESS, "not tried"),
    ROW("max_grant_frames", SERVED, "the stub domain gets as many", FROM_TO(1, FRAMES_MAX)),
    ROW("max_maptrack_frames", SERVED, "the stub domain gets as many, and needs none", FROM_TO(0, FRAMES_MAX)),
    ROW("max_grant_version", SERVED, "the stub domain's, too", FROM_TO(1, 2)),
    ROW("max_event_channels", HARMLESS, OF_XEN, NUMBER),
    ROW("xenstore_feature_mask", HARMLESS, "the guest's", NUMBER, .since = 21),
    ROW_SINCE("xenstore_quota", 22, HARMLESS, "the guest's"),
    ROW("nomigrate", HARMLESS, OF_XEN, NUMBER),
    ROW("driver_domain", HARMLESS, OF_XEN, NUMBER),
    ROW("xend_suspend_evtchn_compat", HARMLESS, OF_XEN, NUMBER),
    ROW("vmtrace_buf_kb", HARMLESS, "refused where the processors cannot trace", NUMBER),
    ROW("vpmu", HARMLESS, OF_XEN, NUMBER),
    ROW("vnuma", HARMLESS, OF_XEN),
    ROW("pool", HARMLESS, "the stub domain stays in the first pool"),
    ROW("cpus", HARMLESS, "the stub domain is not pinned"),
    ROW("cpus_soft", HARMLESS, "the stub domain is not pinned"),
    ROW("cpu_weight", HARMLESS, "the guest's; `xl sched-credit2` for the stub domain", NUMBER),
    ROW("cap", HARMLESS, "the guest's; `xl sched-credit2` for the stub domain", NUMBER),
    ROW("period", HARMLESS, OF_XEN, NUMBER),
    ROW("slice", HARMLESS, OF_XEN, NUMBER),
    ROW("latency", HARMLESS, OF_XEN, NUMBER),
    ROW("extratime", HARMLESS, OF_XEN, NUMBER),
    /* Boot and firmware. */
    ROW("kernel", SERVED, "a file of dom0"),
    ROW("ramdisk", SERVED, "a file of dom0"),
    ROW("cmdline", SERVED, NULL),
    ROW("root", SERVED, NULL),
    ROW("extra", SERVED, NULL),
    ROW_BUT("boot", SERVED, NULL, is_bad_order, NULL,
            "up to three of a (floppy), c (disk), d (CD) and n (network), none twice; behind a comma QEMU's menu=, "
            "strict=, splash-time= and reboot-timeout="),
    ROW_BUT("bios", SERVED, NULL, is_one_of, "rombios", ROMBIOS),
    ROW_BUT("firmware", SERVED, NULL, is_one_of, "rombios", ROMBIOS),
    ROW("bios_path_override", SERVED, "hvmloader loads it, not QEMU"),
    ROW("firmware_override", SERVED, NULL),
    ROW("acpi_firmware", SERVED, "hvmloader reads it, not QEMU"),
    ROW("smbios_firmware", SERVED, "hvmloader reads it, not QEMU"),
    ROW_SINCE("smbios", 18, SERVED, "hvmloader reads it, not QEMU"),
    ROW("ms_vm_genid", SERVED, NULL),
    ROW("acpi", SERVED, NULL, NUMBER),
    ROW("acpi_s3", SERVED, NULL, NUMBER),
    ROW("acpi_s4", SERVED, NULL, NUMBER),
    ROW("acpi_laptop_slate", SERVED, NULL, NUMBER),
    ROW("mmio_hole", SERVED, NULL, NUMBER),
    ROW("rdm_mem_boundary", HARMLESS, WITH_PCI, NUMBER),
    /* Processor and clock: Xen emulates them. */
    ROW("hap", HARMLESS, "0 is refused where Xen has no shadow paging, as Debian builds it", NUMBER),
    ROW("oos", HARMLESS, OF_XEN, NUMBER),
    ROW("shadow_memory", HARMLESS, OF_XEN, FROM_TO(0, MEMORY_MAX)),
    ROW("pae", HARMLESS, OF_XEN, NUMBER),
    ROW("apic", HARMLESS, OF_XEN, NUMBER),
    ROW("nx", HARMLESS, OF_XEN, NUMBER),
    ROW("hpet", HARMLESS, OF_XEN, NUMBER),
    ROW("altp2m", HARMLESS, OF_XEN),
    ROW("altp2mhvm", HARMLESS, OF_XEN, NUMBER),
    ROW("altp2m_count", HARMLESS, OF_XEN, NUMBER, .since = 21),
    ROW_BUT("nestedhvm", REFUSED, NULL, is_on, NULL,
            "a hypervisor in the guest was never seen to work with a stub domain"),
    ROW("cpuid", HARMLESS, OF_XEN, .refuses = is_bad_cpuid, .new_only = true,
        .reason = "no such feature or value: xl would make the guest without"),
    ROW("mca_caps", HARMLESS, OF_XEN),
    ROW("msr_relaxed", HARMLESS, OF_XEN, NUMBER),
    ROW("viridian", HARMLESS, OF_XEN, NUMBER, .or_list = true),
    ROW("hvm_pirq", HARMLESS, OF_XEN, NUMBER, .since = 19),
    ROW_BUT("tsc_mode", HARMLESS, OF_XEN, is_one_of, "native_paravirt 3", "Xen has this mode no more"),
    ROW("timer_mode", HARMLESS, OF_XEN),
    ROW("vpt_align", HARMLESS, OF_XEN, NUMBER),
    ROW("localtime", HARMLESS, OF_XEN, NUMBER),
    ROW("rtc_timeoffset", HARMLESS, OF_XEN, NUMBER),
    ROW("llc_colors", HARMLESS, FOR_ARM),
    /* Disks, NICs, ports. */
    ROW("disk", SERVED, "see `xl-stubdom.cfg(5)`"),
    ROW("hdtype", SERVED, "`\"ahci\"`: SeaBIOS before 1.16.3, as Debian 12 has it, waits 32 s for such disks"),
    ROW("vif", SERVED, "see `xl-stubdom.cfg(5)`"),
    ROW("vif2", HARMLESS, "xl ignores it"),
    ROW("serial", SERVED, "see `stubdom-dm(8)`"),
    ROW("channel", SERVED, "by dom0's daemon, up to 8; see `xl-stubdom.cfg(5)`"),
    ROW("usb", SERVED, NULL, NUMBER),
    ROW_BUT("usbversion", SERVED, NULL, is_none_of, "0 1 2 3", "USB is version 1, 2 or 3"),
    ROW_BUT("usbdevice", SERVED, NULL, is_no_device, "tablet mouse keyboard",
            "QEMU in the stub domain can emulate \"tablet\", \"mouse\" and \"keyboard\" only"),
    ROW("usbctrl", SERVED, NULL),
    ROW("usbdev", SERVED, "of dom0's devices with `type=pv` in `usbctrl` only"),
    ROW_BUT("soundhw", SERVED, "VNC viewers hear it", is_no_device,
            "ac97 adlib cs4231a es1370 gus hda sb16", "no such sound card"),
    /* Screen, keyboard, mouse. */
    ROW_BUT("vga", SERVED, NULL, is_one_of, "qxl", "QEMU in the stub domain has stdvga and cirrus"),
    ROW("stdvga", SERVED, NULL, NUMBER),
    ROW("videoram", SERVED, NULL, NUMBER),
    ROW("vnc", SERVED, NULL, NUMBER),
    ROW("vnclisten", SERVED, NULL),
    ROW("vncdisplay", SERVED, NULL, NUMBER),
    ROW("vncunused", SERVED, NULL, NUMBER),
    ROW("vncpasswd", SERVED, NULL),
    ROW("vncviewer", SERVED, NULL, NUMBER),
    ROW_BUT("keymap", SERVED, NULL, is_none_of,
            "ar bepo cz da de de-ch en-gb en-us es et fi fo fr fr-be fr-ca fr-ch hr hu is it ja lt lv mk nl "
            "no pl pt pt-br ru sl sv th tr",
            "QEMU in the stub domain has no such keymap"),
    ROW("nographic", HARMLESS, "QEMU in the stub domain never has a window", NUMBER),
    ROW_BUT("sdl", REFUSED, NULL, is_on, NULL, "a stub domain has no screen; vnc= is served"),
    ROW("opengl", HARMLESS, "only with sdl=", NUMBER),
    ROW("display", HARMLESS, "only with sdl="),
    ROW("xauthority", HARMLESS, "only with sdl="),
    ROW_BUT("spice", REFUSED, NULL, is_on, NULL, NO_SPICE),
    ROW("spicehost", HARMLESS, "only with spice="),
    ROW("spiceport", HARMLESS, "only with spice=", NUMBER),
    ROW("spicetls_port", HARMLESS, "only with spice=", NUMBER),
    ROW("spicedisable_ticketing", HARMLESS, "only with spice=", NUMBER),
    ROW("spicepasswd", HARMLESS, "only with spice="),
    ROW("spiceagent_mouse", HARMLESS, "only with spice=", NUMBER),
    ROW("spicevdagent", HARMLESS, "only with spice=", NUMBER),
    ROW("spice_clipboard_sharing", HARMLESS, "only with spice=", NUMBER),
    ROW_BUT("spiceusbredirection", REFUSED, NULL, is_on, NULL, NO_SPICE),
    ROW("spice_image_compression", HARMLESS, "only with spice="),
    ROW("spice_streaming_video", HARMLESS, "only with spice="),
    /* Devices for the guest's Xen drivers. */
    ROW("xen_platform_pci", SERVED, NULL, NUMBER),
    ROW("xen_platform_pci_bar_uc", SERVED, "hvmloader's", NUMBER, .since = 21),
    ROW("vendor_device", SERVED, NULL),
    ROW("vkb_device", HARMLESS,
        "0 unless it is given: nobody serves that keyboard, and a Linux guest with its driver built in, as "
        "Debian's kernel has it, waits 25 s for it when it boots; PS/2 and USB are served", NUMBER),
    ROW("vkb", SERVED, "`backend-type=linux` only", .refuses = is_for_qemu, .words = "backend-type=linux",
        .reason = IN_DOM0, .since = 19),
    ROW_BUT("vfb", REFUSED, NULL, is_any, NULL, IN_DOM0 "; vnc= is served"),
    ROW_BUT("vtpm", REFUSED, NULL, is_any, NULL, "a TPM for a guest with a stub domain is not there yet"),
    ROW_BUT("p9", REFUSED, NULL, is_any, NULL, IN_DOM0),
    ROW("pvcalls", HARMLESS, "its backend is not QEMU"),
    ROW("vdispl", HARMLESS, "its backend is not QEMU"),
    ROW("vsnd", HARMLESS, "its backend is not QEMU"),
    ROW_BUT("virtio", REFUSED, NULL, is_any, NULL, "such devices are for Arm guests"),
    /* Devices of dom0's. */
    ROW("pci", SERVED, "see `xl-stubdom.cfg(5)` and `pci.md`; with `stubdom_flavor = \"linux\"` only"),
    ROW("pci_permissive", SERVED, NULL, NUMBER),
    ROW_BUT("pci_msitranslate", REFUSED, NULL, is_on, NULL, "QEMU in the stub domain has no such thing"),
    ROW("pci_seize", SERVED, NULL, NUMBER),
    ROW("pci_power_mgmt", HARMLESS, WITH_PCI, NUMBER),
    ROW_BUT("gfx_passthru", REFUSED, NULL, is_on, NULL, NO_GFX),
    ROW_BUT("rdm", REFUSED, NULL, is_any, NULL, NO_RDM),
    ROW("passthrough", HARMLESS, WITH_PCI),
    ROW("ioports", HARMLESS, "for the guest, not for QEMU"),
    ROW("iomem", HARMLESS, "for the guest, not for QEMU"),
    ROW("irqs", HARMLESS, "for the guest, not for QEMU"),
    ROW("dtdev", HARMLESS, FOR_ARM),
    /* The device model itself. */
    ROW("device_model", HARMLESS, "xl ignores it"),
    ROW("device_model_version", SERVED, SET),
    ROW("device_model_override", SERVED, SET),
    ROW("device_model_stubdomain_override", SERVED, SET, NUMBER),
    ROW("stubdomain_kernel", SERVED, SET),
    ROW("stubdomain_ramdisk", SERVED, SET),
    ROW("stubdomain_cmdline", SERVED, SET),
    ROW("stubdomain_memory", SERVED, SET, NUMBER),
    ROW("device_model_args", SERVED, "see `xl-stubdom.cfg(5)`"),
    ROW("device_model_args_hvm", SERVED, "see `xl-stubdom.cfg(5)`"),
    ROW_BUT("device_model_args_pv", REFUSED, NULL, is_any, NULL, "dom0's daemon would get them, which is no QEMU"),
    ROW("device_model_user", HARMLESS, "QEMU is no process of dom0's"),
    ROW("dm_restrict", HARMLESS, "QEMU is always confined here", NUMBER),
    /* For other guests. */
    ROW("bootloader", HARMLESS, NOT_HVM),
    ROW("bootloader_args", HARMLESS, NOT_HVM),
    ROW("bootloader_restrict", HARMLESS, NOT_HVM),
    ROW("bootloader_user", HARMLESS, NOT_HVM),
    ROW("e820_host", HARMLESS, NOT_HVM),
    ROW("pvh", HARMLESS, NOT_HVM),
    ROW("pvshim", HARMLESS, NOT_HVM),
    ROW("pvshim_path", HARMLESS, NOT_HVM),
    ROW("pvshim_cmdline", HARMLESS, NOT_HVM),
    ROW("pvshim_extra", HARMLESS, NOT_HVM),
    ROW("device_tree", HARMLESS, FOR_ARM),
    ROW("gic_version", HARMLESS, FOR_ARM),
    ROW("nr_spis", HARMLESS, FOR_ARM),
    ROW("sve", HARMLESS, FOR_ARM),
    ROW("tee", HARMLESS, FOR_ARM),
    ROW("vuart", HARMLESS, FOR_ARM),
    ROW_SINCE("arm_sci", 21, HARMLESS, FOR_ARM),
    ROW_SINCE("trap_unmapped_accesses", 21, HARMLESS, FOR_ARM),
};

const size_t key_count = sizeof(keys) / sizeof(keys[0]);

void key_describe(const struct key *key, char *text, size_t size)
{
    if (!key->refuses && !key->max)
        text[0] = '\0';
    else if (!key->refuses && key->min)
        snprintf(text, size, "below `%ld`, above `%ld`", key->min, key->max);
    else if (!key->refuses)
        snprintf(text, size, "above `%ld`", key->max);
    else if (key->refuses == is_one_of)
        snprintf(text, size, "`%s`", key->words);
    else if (key->refuses == is_none_of || key->refuses == is_no_device)
        snprintf(text, size, "other than `%s`", key->words);
    else if (key->refuses == is_for_qemu)
        snprintf(text, size, "without `%s`", key->words);
    else
        snprintf(text, size, "%s", key->refuses == is_on ? "`1`" :
                                   key->refuses == is_any ? "any" : "others");
}

static int refuse(const struct key *key, const char *source, const char *value, struct fault *fault)
{
    return fault_set(fault, -EINVAL, "%s: %s = \"%s\": %s", source, key->name, value, key->reason);
}

/* What is no string in a list, such as a list of lists, is an entry without a text. */
static int check_list(const struct key *key, XLU_ConfigList *list, int count, const char *source,
                      struct fault *fault)
{
    for (int i = 0; i < count; i++) {
        const char *value = xlu_cfg_get_listitem(list, i);

        if (key->refuses(key, value ? value : "(a list)"))
            return refuse(key, source, value ? value : "(a list)", fault);
    }
    return 0;
}

static int check_since(const struct key *key, XLU_Config *xlu, const char *source, int xen_minor,
                       struct fault *fault)
{
    XLU_ConfigList *list;
    const char *value;

    if (!xen_minor || xen_minor >= key->since ||
        (xlu_cfg_get_list(xlu, key->name, &list, NULL, 1) && xlu_cfg_get_string(xlu, key->name, &value, 1)))
        return 0;
    return fault_set(fault, -EINVAL,
                     "%s: %s: xl of Xen 4.%d ignores this key for an HVM guest, 4.%d's does not: remove it", source,
                     key->name, xen_minor, key->since);
}

static int check_number(const struct key *key, XLU_Config *xlu, const char *source, struct fault *fault)
{
    XLU_ConfigList *list;
    const char *value = "(a list)";
    long number;
    int e = xlu_cfg_get_long(xlu, key->name, &number, 1);

    if (e == ESRCH || (key->or_list && !xlu_cfg_get_list(xlu, key->name, &list, NULL, 1)))
        return 0;
    xlu_cfg_get_string(xlu, key->name, &value, 1);
    if (e)
        return fault_set(fault, -EINVAL, "%s: %s = \"%s\" is not a number", source, key->name, value);
    if ((!key->min && !key->max) || (number >= key->min && number <= key->max))
        return 0;
    return fault_set(fault, -EINVAL, "%s: %s = %s must be from %ld to %ld", source, key->name, value, key->min,
                     key->max);
}

int keys_check(XLU_Config *xlu, const char *source, int xen_minor, bool afresh, struct fault *fault)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &keys[i];
        XLU_ConfigList *list;
        const char *value;
        int count, rc = check_since(key, xlu, source, xen_minor, fault);

        if (!rc && afresh && key->number)
            rc = check_number(key, xlu, source, fault);
        if (rc)
            return rc;
        if (!key->refuses || (key->new_only && !afresh))
            continue;
        if (!xlu_cfg_get_list(xlu, key->name, &list, &count, 1))
            rc = check_list(key, list, count, source, fault);
        else if (!xlu_cfg_get_string(xlu, key->name, &value, 1) && key->refuses(key, value))
            rc = refuse(key, source, value, fault);
        if (rc)
            return rc;
    }
    return 0;
}

bool key_is_among(const char *const list[], size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == len && !strncmp(list[i], name, len))
            return true;
    return false;
}

static bool is_known(const char *name, size_t len)
{
    if (len >= 8 && !strncmp(name, "stubdom_", 8))
        return true;
    for (size_t i = 0; i < key_count; i++)
        if (!strncmp(keys[i].name, name, len) && !keys[i].name[len])
            return true;
    return false;
}

/* Behind a string or a comment that begins at p; elsewhere p + 1. */
static const char *skip(const char *p, const char *end)
{
    char first = *p++;

    if (first == '#')
        while (p < end && *p != '\n')
            p++;
    if (first != '"' && first != '\'')
        return p;
    while (p < end && *p != first)
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    return p < end ? p + 1 : end;
}

static const char *skip_name(const char *p, const char *end)
{
    while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
        p++;
    return p;
}

/* A name, then "=" or "+=". */
static bool is_assigned(const char *after, const char *end)
{
    while (after < end && (*after == ' ' || *after == '\t'))
        after++;
    return after < end && (*after == '=' || *after == '+');
}

char *keys_others(const char *text, size_t len, bool (*known)(const char *name, size_t len))
{
    const char *end = text + len, *after;
    cleanup_free char *list = strdup("");
    int depth = 0;

    for (const char *p = text; list && p < end;) {
        after = skip_name(p, end);
        if (after > p && !depth && is_assigned(after, end) && !known(p, after - p)) {
            char *longer;

            if (asprintf(&longer, "%s%s%.*s", list, *list ? ", " : "", (int)(after - p), p) < 0)
                return NULL;
            free(list);
            list = longer;
        }
        if (after == p) {
            depth += (*p == '[') - (*p == ']');
            after = skip(p, end);
        }
        p = after;
    }
    return steal(list);
}

char *keys_unknown(const char *text, size_t len)
{
    return keys_others(text, len, is_known);
}
