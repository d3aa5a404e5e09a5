/*
 * disks: the disk list of a guest's config. See disks.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "disks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl.h>

#include "cleanup.h"
#include "config.h"
#include "host-file.h"
#include "nics.h"

#define LETTERS 26 /* libxl names the first 26 disks to QEMU, /dev/xvda to /dev/xvdz */
#define IDE_DISKS 4
#define AHCI_DISKS 6
#define SCSI_DISKS 7 /* ids 0 to 6; sdh would be the adapter's own */
/* How many libxl has names for. */
#define LIBXL_SCSI_DISKS 16
#define XEN_DISKS (1 << 20)
/* libxl before Xen 4.20 leaves each CD drive to a QEMU in dom0. */
#define XEN_MINOR_CDS 20

/* A disk list on its way from the config to libxl. */
struct list {
    const char *source;
    struct fault *fault;
    const struct host_config *host; /* NULL: none */
    const char *helper;
    int xen_minor;
    bool ahci;
    char *taken[LETTERS]; /* the vdev that has this letter, or NULL */
    char *specs;          /* "spec","spec": those so far, quoted */
    bool changed;
    struct disk_count count;
};

static void list_dispose(struct list *list)
{
    for (int i = 0; i < LETTERS; i++)
        free(list->taken[i]);
    free(list->specs);
}

static int out_of_memory(const struct list *list)
{
    return fault_set(list->fault, -ENOMEM, "%s: out of memory", list->source);
}

/* What a vdev names. libxl has one name for a disk of QEMU's and for the guest's Xen drivers' disk. */
struct vdev {
    enum { VDEV_UNKNOWN, VDEV_XEN, VDEV_IDE, VDEV_SCSI, VDEV_NUMBER } kind;
    int disk, partition; /* of a number: -1 */
};

/* NAME, letters up to the disk `last`, perhaps a partition (device_virtdisk_matches in libxl). */
static bool vdev_matches(const char *text, const char *name, int last, struct vdev *vdev)
{
    const char *p = text + strlen(name);
    char *end;

    if (strncmp(text, name, strlen(name)))
        return false;
    for (vdev->disk = -1; *p >= 'a' && *p <= 'z'; p++) {
        vdev->disk = (vdev->disk + 1) * 26 + *p - 'a';
        if (vdev->disk > last)
            return false;
    }
    vdev->partition = 0;
    if (*p) {
        vdev->partition = strtoul(p, &end, 10);
        if (*p < '1' || *p > '9' || *end)
            return false;
    }
    return vdev->disk >= 0;
}

static struct vdev vdev_parse(const char *text)
{
    struct vdev vdev = {VDEV_UNKNOWN, -1, 0};
    int used = -1;
    char *end;

    strtoul(text, &end, 0);
    if (vdev_matches(text, "xvd", XEN_DISKS - 1, &vdev) ||
        (sscanf(text, "d%ip%i%n", &vdev.disk, &vdev.partition, &used) >= 2 && !text[used]))
        vdev.kind = VDEV_XEN;
    else if (vdev_matches(text, "hd", IDE_DISKS - 1, &vdev))
        vdev.kind = VDEV_IDE;
    else if (vdev_matches(text, "sd", LIBXL_SCSI_DISKS - 1, &vdev))
        vdev.kind = VDEV_SCSI;
    else
        vdev = (struct vdev){*end ? VDEV_UNKNOWN : VDEV_NUMBER, -1, 0};
    return vdev;
}

/* Whether libxl tells QEMU of this disk; the others are for the guest's Xen drivers alone. */
static bool is_emulated(const struct list *list, const struct vdev *vdev, bool cdrom)
{
    return vdev->disk >= 0 && ((vdev->kind == VDEV_SCSI && !cdrom) ||
                               vdev->disk < (list->ahci && !cdrom ? AHCI_DISKS : IDE_DISKS));
}

/* Names that libxl or QEMU refuses when the guest is half made, or whose disk no guest would see. */
static int check_name(const struct list *list, const libxl_device_disk *disk, const struct vdev *vdev)
{
    if (vdev->kind == VDEV_UNKNOWN)
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: no disk has this name: there are hda to hdd (IDE), sda to sdg "
                         "(SCSI), and xvda and so on", list->source, disk->vdev);
    if (disk->is_cdrom && ((vdev->kind == VDEV_SCSI && vdev->disk >= IDE_DISKS) || vdev->disk == IDE_DISKS))
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: QEMU's CD drives are hda to hdd", list->source, disk->vdev);
    if (vdev->kind == VDEV_SCSI && vdev->disk >= SCSI_DISKS)
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: the SCSI adapter has disks sda to sdg; its own id is 7. A disk for "
                         "the guest's Xen drivers alone is called xvd%c", list->source, disk->vdev,
                         'a' + vdev->disk);
    if (vdev->partition && is_emulated(list, vdev, disk->is_cdrom))
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: a partition, and QEMU has whole disks only: leave the number away",
                         list->source, disk->vdev);
    return 0;
}

/* libxl would take qdisk for all of these. */
static int check_backend(const struct list *list, const libxl_device_disk *disk)
{
    struct stat st;

    if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN && disk->backend != LIBXL_DISK_BACKEND_PHY)
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: backendtype=%s needs a program in dom0 that no stub domain "
                         "has: remove it, phy serves files as well",
                         list->source, disk->vdev, libxl_disk_backend_to_string(disk->backend));
    if (disk->is_cdrom && list->xen_minor && list->xen_minor < XEN_MINOR_CDS)
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: libxl of Xen 4.%d has no CD drives for stub domains, 4.%d's has: use "
                         "vdev=sd%c, access=ro (a SCSI disk)", list->source, disk->vdev, list->xen_minor,
                         XEN_MINOR_CDS, 'a' + list->count.all % SCSI_DISKS);
    if (disk->format != LIBXL_DISK_FORMAT_RAW && disk->format != LIBXL_DISK_FORMAT_EMPTY)
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: format=%s needs a QEMU in dom0: convert the image "
                         "(qemu-img convert -O raw)",
                         list->source, disk->vdev, libxl_disk_format_to_string(disk->format));
    if (libxl_defbool_val(disk->colo_enable))
        return fault_set(list->fault, -EINVAL, "%s: disk %s: colo needs a QEMU in dom0",
                         list->source, disk->vdev);
    /* One that is not there is another check's: the guest may be sent to a host where it is. */
    if (disk->format == LIBXL_DISK_FORMAT_RAW && !disk->script && !disk->backend_domname &&
        disk->pdev_path && !stat(disk->pdev_path, &st) && !S_ISREG(st.st_mode) &&
        !S_ISBLK(st.st_mode))
        return fault_set(list->fault, -EINVAL,
                         "%s: disk %s: %s is neither a file nor a block device", list->source,
                         disk->vdev, disk->pdev_path);
    return 0;
}

/* libxl finds this out only when the guest is half made. */
static int check_read_only(const struct list *list, const libxl_device_disk *disk,
                           const struct vdev *vdev)
{
    if (disk->readwrite || disk->is_cdrom || vdev->kind == VDEV_SCSI ||
        !is_emulated(list, vdev, false))
        return 0;
    return fault_set(list->fault, -EINVAL,
                     "%s: disk %s: QEMU has no read-only IDE or AHCI disks: use vdev=sd%c (SCSI), "
                     "or devtype=cdrom",
                     list->source, disk->vdev, 'a' + vdev->disk);
}

/* hda and sda are one disk to a stub domain: QEMU would get /dev/xvda for both. */
static int check_letter(struct list *list, const libxl_device_disk *disk, const struct vdev *vdev)
{
    int letter = vdev->disk;

    if (letter < 0 || letter >= LETTERS)
        return 0;
    if (list->taken[letter])
        return fault_set(list->fault, -EINVAL,
                         "%s: disks %s and %s: in the stub domain both would be xvd%c: give one "
                         "another letter",
                         list->source, list->taken[letter], disk->vdev, 'a' + letter);
    list->taken[letter] = strdup(disk->vdev);
    return list->taken[letter] ? 0 : out_of_memory(list);
}

/* A config may have our own script: pasted from --print-config. */
static bool has_own_script(const struct list *list, const libxl_device_disk *disk)
{
    return disk->script && (!list->helper || strcmp(disk->script, list->helper) != 0);
}

/* What the host lacks, as libxl would find out when the guest is half made. A path is relative to where xl runs. */
static int check_host(const struct list *list, const libxl_device_disk *disk)
{
    const char *backend = disk->backend_domname;

    if (!list->host || !list->host->afresh)
        return 0;
    if (backend && nic_backend_is_elsewhere(backend))
        return !list->host->nics.lacks_domain(backend) ? 0 :
               fault_set(list->fault, -EINVAL, "%s: disk %s: backend=%s: there is no such domain", list->source,
                         disk->vdev, backend);
    /* What the target means is the script's to say. */
    if (has_own_script(list, disk))
        return host_file_check(list->host->nics.folder, disk->script, HOST_FILE_RUNS, list->fault,
                               "%s: disk %s: script=%s", list->source, disk->vdev, disk->script);
    if (disk->format == LIBXL_DISK_FORMAT_EMPTY)
        return 0;
    return host_file_check(NULL, disk->pdev_path, HOST_FILE_EXISTS, list->fault, "%s: disk %s: %s", list->source,
                           disk->vdev, disk->pdev_path);
}

/*
 * Whether our script can run for it. libxl does not look whether the file of a disk with a script is there. So a disk
 * whose file is missing gets no script, and libxl reports it. xl cd-insert gives a drive Xen's script again, so a CD
 * drive keeps that one.
 */
static bool is_helped(const struct list *list, const libxl_device_disk *disk)
{
    return list->helper && !disk->is_cdrom && !disk->script && !disk->backend_domname && disk->pdev_path &&
           *disk->pdev_path == '/' && !access(disk->pdev_path, F_OK);
}

/* A script or another domain would have its own idea of what the target is. */
static bool is_snapshot(const struct list *list, const libxl_device_disk *disk)
{
    return list->host && list->host->is_snapshot && !has_own_script(list, disk) && !disk->backend_domname &&
           disk->pdev_path && list->host->is_snapshot(disk->pdev_path);
}

static int append(struct list *list, const char *spec, const libxl_device_disk *disk)
{
    /* libxl's default for CD drives is qdisk. Our backendtype= comes first, because target= takes all that follows. */
    bool phy = disk->is_cdrom && disk->backend == LIBXL_DISK_BACKEND_UNKNOWN, helped = is_helped(list, disk);
    cleanup_free char *text = NULL, *quoted = NULL, *before = list->specs;

    list->specs = NULL;
    list->changed |= phy || helped;
    if (asprintf(&text, "%s%s%s%s%s", phy ? "backendtype=phy," : "", helped ? "script=" : "",
                 helped ? list->helper : "", helped ? "," : "", spec) < 0) {
        text = NULL;
        return out_of_memory(list);
    }
    quoted = config_quote(text);
    if (!quoted || asprintf(&list->specs, "%s%s%s", before ? before : "", before ? "," : "",
                            quoted) < 0) {
        list->specs = NULL;
        return out_of_memory(list);
    }
    return 0;
}

/* xl's own parser, which writes what is wrong to a stream. */
static int parse_spec(const struct list *list, const char *spec, libxl_device_disk *disk)
{
    cleanup_free char *report = NULL;
    size_t size;
    FILE *out = open_memstream(&report, &size);
    XLU_Config *xlu = out ? xlu_cfg_init(out, list->source) : NULL;
    int e = xlu ? xlu_disk_parse(xlu, 1, &spec, disk) : ENOMEM;

    if (xlu)
        xlu_cfg_destroy(xlu);
    if (out)
        fclose(out);
    if (!xlu)
        return out_of_memory(list);
    return e ? fault_set(list->fault, -EINVAL, "%.*s", (int)strcspn(report, "\n"), report) : 0;
}

static int add(struct list *list, const char *spec)
{
    libxl_device_disk disk;
    struct vdev vdev;
    int rc;

    libxl_device_disk_init(&disk);
    rc = parse_spec(list, spec, &disk);
    libxl_defbool_setdefault(&disk.colo_enable, false);
    if (!rc) {
        vdev = vdev_parse(disk.vdev);
        rc = check_backend(list, &disk);
    }
    if (!rc)
        rc = check_letter(list, &disk, &vdev);
    if (!rc)
        rc = check_name(list, &disk, &vdev);
    if (!rc)
        rc = check_read_only(list, &disk, &vdev);
    if (!rc)
        rc = check_host(list, &disk);
    if (!rc) {
        list->count.all++;
        list->count.written += disk.readwrite && !is_snapshot(list, &disk);
        list->count.scsi |= vdev.kind == VDEV_SCSI && !disk.is_cdrom;
        rc = append(list, spec, &disk);
    }
    libxl_device_disk_dispose(&disk);
    return rc;
}

int disks_read(XLU_Config *xlu, const char *source, bool ahci, const struct host_config *host, char **line,
               struct disk_count *disks, struct fault *fault)
{
    struct list list = {.source = source, .fault = fault, .ahci = ahci, .host = host,
                        .helper = host ? host->disk_helper : NULL, .xen_minor = host ? host->xen_minor : 0};
    XLU_ConfigList *specs;
    const char *spec;
    int rc = 0;

    *line = NULL;
    memset(disks, 0, sizeof(*disks));
    if (xlu_cfg_get_list(xlu, "disk", &specs, NULL, 1))
        return 0;
    for (int i = 0; !rc && (spec = xlu_cfg_get_listitem(specs, i)); i++)
        rc = add(&list, spec);
    if (!rc && list.changed && asprintf(line, "disk=[%s]", list.specs) < 0) {
        *line = NULL;
        rc = out_of_memory(&list);
    }
    *disks = list.count;
    list_dispose(&list);
    return rc;
}
