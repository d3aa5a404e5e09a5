/*
 * audit: where the device model of every HVM guest of this host runs. See audit.h.
 *
 * What is read is libxl's: /libxl/N/type; below /local/domain/N name, image/device-model-domid, and
 * image/device-model-pid of a guest without a stub domain; of the stub domain's own, device-model-pid and, below
 * its /vm/UUID, start_time, image/kernel and image/ramdisk. A guest or stub domain can write none of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "audit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenstore.h>

#include "cleanup.h"
#include "flavour.h"
#include "image.h"
#include "util.h"
#include "xs-get.h"

#define DAEMON "stubdom-dm"
#define FORMAT "%-6s %-24s %-8s %-8s %-20s %-12s %8s  %s\n"
#define IMAGE_MAX 21

struct guest {
    char *name, *flavour;
    unsigned int domid, stub; /* stub 0: none */
    unsigned int pid;         /* of what libxl started in dom0; 0: nothing */
    char image[IMAGE_MAX];    /* QEMU's version in it; "" without a flavour of ours */
    bool replaced;            /* the image has been, since */
    char user[16];            /* of the daemon's worker */
    unsigned int restarts;
};

static unsigned int number(const char *text)
{
    unsigned int value;

    return text && !parse_uint(text, 1u << 30, &value) ? value : 0;
}

/* The program that a process runs, without its folder; "" when there is no such process. */
static void program_of(unsigned int pid, char name[64])
{
    char path[64], target[256];
    const char *slash;
    char *gone;
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%u/exe", pid);
    len = pid ? readlink(path, target, sizeof(target) - 1) : -1;
    target[len < 0 ? 0 : len] = '\0';
    slash = strrchr(target, '/');
    snprintf(name, 64, "%.63s", slash ? slash + 1 : target);
    /* Linux says so of a program that was replaced while it runs: an upgrade. */
    if ((gone = strstr(name, " (deleted)")))
        *gone = '\0';
}

/* The first child that is not root's; the number of its user, or "-". */
static void user_of(unsigned int pid, char user[16])
{
    char path[64], line[128];
    unsigned int child, uid;
    cleanup_fclose FILE *children = NULL;

    strcpy(user, "-");
    snprintf(path, sizeof(path), "/proc/%u/task/%u/children", pid, pid);
    children = fopen(path, "re");
    while (children && fscanf(children, "%u", &child) == 1) {
        cleanup_fclose FILE *status = NULL;

        snprintf(path, sizeof(path), "/proc/%u/status", child);
        status = fopen(path, "re");
        while (status && fgets(line, sizeof(line), status))
            if (sscanf(line, "Uid: %u", &uid) == 1 && uid)
                snprintf(user, 16, "%u", uid);
        if (*user != '-')
            return;
    }
}

/* As the daemon's log has them: of this stub domain, unless it was rotated. */
static unsigned int count_restarts(const char *logs, const char *guest)
{
    cleanup_free char *path = NULL;
    cleanup_fclose FILE *log = NULL;
    char line[512];
    unsigned int count = 0;

    if (asprintf(&path, "%s/qemu-dm-%s-dm.log", logs, guest) < 0) {
        path = NULL;
        return 0;
    }
    log = fopen(path, "re");
    while (log && fgets(line, sizeof(line), log))
        count += !strncmp(line, DAEMON " d", strlen(DAEMON " d")) && strstr(line, ": starting keeper and worker anew");
    return count;
}

/* Another file of that name, or another content, since then: seconds. */
static bool is_newer(const char *path, unsigned int than)
{
    struct stat st;

    return path && than && !stat(path, &st) && st.st_ctime > than;
}

/* What stands in the files now is what the stub domain was made of, unless they are newer than it. */
static void look_at_image(struct xs_handle *xs, const char *vm, const char *kernel, struct guest *guest)
{
    cleanup_free char *start = xs_get(xs, "%s/start_time", vm);
    cleanup_free char *ramdisk = xs_get(xs, "%s/image/ramdisk", vm);
    const struct flavour *flavour = flavour_of_kernel(kernel);
    unsigned int started = 0;

    if (start)
        start[strcspn(start, ".")] = '\0';
    if (start && parse_uint(start, UINT_MAX, &started))
        started = 0;
    guest->replaced = is_newer(kernel, started) || is_newer(ramdisk, started);
    guest->flavour = strdup(flavour ? flavour->name : "other");
    if (flavour && !guest->replaced)
        image_source_version(kernel, flavour, "qemu", guest->image, sizeof(guest->image));
}

static void look_at(struct xs_handle *xs, const char *logs, struct guest *guest)
{
    cleanup_free char *stub = xs_get(xs, "/local/domain/%u/image/device-model-domid", guest->domid);
    cleanup_free char *pid = NULL, *vm = NULL, *kernel = NULL;

    guest->stub = number(stub);
    pid = xs_get(xs, "/local/domain/%u/image/device-model-pid", guest->stub ? guest->stub : guest->domid);
    guest->pid = number(pid);
    if (!guest->stub)
        return;
    vm = xs_get(xs, "/local/domain/%u/vm", guest->stub);
    kernel = vm ? xs_get(xs, "%s/image/kernel", vm) : NULL;
    if (kernel)
        look_at_image(xs, vm, kernel, guest);
    user_of(guest->pid, guest->user);
    guest->restarts = count_restarts(logs, guest->name);
}

/* Prints its line; whether something of it is in dom0 that should not be. */
static bool judge(const struct guest *guest, FILE *out)
{
    char program[64], domid[16], where[16], restarts[16];
    const char *finding = "in order";
    bool bad = true;

    program_of(guest->pid, program);
    snprintf(domid, sizeof(domid), "%u", guest->domid);
    snprintf(where, sizeof(where), guest->stub ? "%u" : guest->pid ? "dom0" : "-", guest->stub);
    snprintf(restarts, sizeof(restarts), "%u", guest->restarts);
    if (!guest->stub && !guest->pid) {
        finding = "no device model yet";
        bad = false;
    } else if (!guest->stub)
        finding = "ITS QEMU RUNS IN DOM0";
    else if (!*program)
        finding = "NOBODY SERVES ITS STUB DOMAIN";
    else if (strcmp(program, DAEMON))
        finding = "A QEMU IN DOM0 SERVES ITS STUB DOMAIN";
    else {
        bad = false;
        if (guest->replaced)
            finding = "in order; its image was replaced, the new one is for its next start";
    }
    fprintf(out, FORMAT, domid, guest->name, where, guest->flavour ? guest->flavour : "-",
            guest->replaced ? "older" : *guest->image ? guest->image : "-", *guest->user ? guest->user : "-",
            guest->stub ? restarts : "-", finding);
    return bad;
}

int audit(const char *logs, FILE *out, struct fault *fault)
{
    struct xs_handle *xs = xs_open(0);
    cleanup_free char **domains = NULL;
    unsigned int count = 0;
    int bad = 0;

    if (!xs)
        return fault_set(fault, -errno, "cannot connect to xenstore: %s", strerror(errno));
    domains = xs_directory(xs, XBT_NULL, "/local/domain", &count);
    if (!domains) {
        int rc = fault_set(fault, -errno, "cannot list the domains: %s", strerror(errno));

        xs_close(xs);
        return rc;
    }
    fprintf(out, FORMAT, "guest", "name", "model in", "flavour", "image's QEMU", "user", "restarts",
            "finding");
    for (unsigned int i = 0; i < count; i++) {
        struct guest guest = { .domid = number(domains[i]) };
        cleanup_free char *type = xs_get(xs, "/libxl/%u/type", guest.domid);

        if (!guest.domid || !type || strcmp(type, "hvm"))
            continue;
        guest.name = xs_get(xs, "/local/domain/%u/name", guest.domid);
        if (!guest.name)
            continue; /* it has ended meanwhile */
        look_at(xs, logs, &guest);
        bad += judge(&guest, out);
        free(guest.name);
        free(guest.flavour);
    }
    xs_close(xs);
    return bad;
}
