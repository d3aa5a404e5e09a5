// sources: launcher/xl-stubdom/audit.c launcher/xl-stubdom/xs-get.c launcher/xl-stubdom/fault.c
// sources: launcher/xl-stubdom/flavour.c launcher/xl-stubdom/image.c
// wrap: xs_open xs_close xs_read xs_directory readlink
// libs: xenstore
/*
 * The audit, with tables in place of xenstore and processes: what it finds wrong with each guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <sys/stat.h>
#include <xenstore.h>

#include "audit.h"

static char handle;
static const char *const *store; /* path, value, …, NULL */
static const char *daemon_exe;   /* the program of process 501; NULL: there is no such process */
static const char *domains[8];
static char dir[] = "/tmp/test-xl-audit-XXXXXX";

struct xs_handle *__wrap_xs_open(unsigned long flags)
{
    errno = ENOENT;
    return store ? (struct xs_handle *)&handle : NULL;
}

void __wrap_xs_close(struct xs_handle *xs) { }

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    for (size_t i = 0; store[i]; i += 2)
        if (!strcmp(store[i], path))
            return strdup(store[i + 1]);
    errno = ENOENT;
    return NULL;
}

char **__wrap_xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *count)
{
    char **list = calloc(8, sizeof(*list));

    assert_string_equal(path, "/local/domain");
    for (*count = 0; domains[*count]; ++*count)
        list[*count] = (char *)domains[*count];
    return list;
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t size)
{
    errno = ENOENT;
    if (strcmp(path, "/proc/501/exe") || !daemon_exe)
        return -1;
    strcpy(buf, daemon_exe);
    return strlen(daemon_exe);
}

#define HVM "/libxl/4/type", "hvm", "/local/domain/4/name", "g"
#define STUB HVM, "/local/domain/4/image/device-model-domid", "5", "/local/domain/5/name", "g-dm", \
    "/libxl/5/type", "pv", "/local/domain/5/image/device-model-pid", "501", \
    "/local/domain/5/vm", "/vm/u", "/vm/u/image/kernel", "/boot/qemu-stubdom-micro-kernel"

static const char *const in_dom0[] = {HVM, "/local/domain/4/image/device-model-pid", "501", NULL};
static const char *const in_stub[] = {STUB, NULL};
/* A guest with an installed image. The test puts its folder before the names, and sets the time. */
static char kernel[100], ramdisk[100], start_time[20];
static const char *const whole[] = {
    HVM, "/local/domain/4/image/device-model-domid", "5", "/local/domain/5/image/device-model-pid", "501",
    "/local/domain/5/vm", "/vm/u", "/vm/u/image/kernel", kernel, "/vm/u/image/ramdisk", ramdisk,
    "/vm/u/start_time", start_time, NULL
};
static const char *const half_made[] = {HVM, NULL};
static const char *const not_hvm[] = {"/libxl/4/type", "pvh", "/local/domain/4/name", "g", NULL};

static void test_findings(void **state)
{
    static const struct {
        const char *const *store;
        const char *exe;
        int bad;
        const char *says;
    } rows[] = {
        { in_stub, "/usr/libexec/xen-stubdom/stubdom-dm", 0, "micro " },
        { in_stub, "/usr/libexec/xen-stubdom/stubdom-dm", 0, " in order\n" },
        { in_stub, "/usr/libexec/xen-stubdom/stubdom-dm", 0, " 2  in order\n" },
        { in_stub, "/usr/libexec/xen-stubdom/stubdom-dm (deleted)", 0, " in order\n" },
        { in_stub, "/usr/libexec/xen-qemu-system-i386", 1, "A QEMU IN DOM0 SERVES" },
        { in_stub, "/usr/libexec/xen-qemu-system-i386 (deleted)", 1, "A QEMU IN DOM0 SERVES" },
        { half_made, NULL, 0, "no device model yet\n" },
        { in_stub, NULL, 1, "NOBODY SERVES" },
        { in_dom0, "/usr/libexec/xen-qemu-system-i386", 1, "ITS QEMU RUNS IN DOM0" },
        { in_dom0, NULL, 1, "dom0 " },
        { not_hvm, NULL, 0, "finding\n" },
    };

    domains[0] = "0", domains[1] = "4", domains[2] = "5";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault;
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        store = rows[i].store;
        daemon_exe = rows[i].exe;
        assert_int_equal(audit(dir, out, &fault), rows[i].bad);
        fclose(out);
        if (!strstr(text, rows[i].says) || (rows[i].store == not_hvm && strstr(text, " g ")))
            fail_msg("row %zu: %s", i, text);
        free(text);
    }
}

/* The guest was started ten seconds after its files were made; then, ten seconds before. */
static void test_versions(void **state)
{
    static const struct { const char *start; const char *says; } rows[] = {
        { "%jd.50", " micro    1:10.0.2+ds-2        -                   2  in order\n" },
        { "-%jd", " micro    1:10.0.2+ds-2 " },
        { "17.00", " micro    older                -                   2  in order; its image was replaced" },
    };
    struct stat st;

    assert_int_equal(stat(ramdisk, &st), 0);
    store = whole;
    daemon_exe = "/usr/libexec/xen-stubdom/stubdom-dm";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault;
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        snprintf(start_time, sizeof(start_time), rows[i].start, (intmax_t)st.st_ctime + 10);
        assert_int_equal(audit(dir, out, &fault), 0);
        fclose(out);
        if (!strstr(text, rows[i].says))
            fail_msg("row %zu: %s", i, text);
        free(text);
    }
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

static void test_no_xen(void **state)
{
    struct fault fault;

    store = NULL;
    assert_int_equal(audit(dir, stdout, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "cannot connect to xenstore"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_no_xen),
    };
    char path[100], manifest[100];
    int failed;

    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof(path), "%s/qemu-dm-g-dm.log", dir);
    put(path, "stubdom-dm d5: starting keeper and worker anew\nother: starting keeper and worker anew\n"
              "stubdom-dm d5: starting keeper and worker anew\n");
    snprintf(kernel, sizeof(kernel), "%s/qemu-stubdom-micro-kernel", dir);
    snprintf(ramdisk, sizeof(ramdisk), "%s/ramdisk", dir);
    snprintf(manifest, sizeof(manifest), "%s/qemu-stubdom-micro.manifest", dir);
    put(kernel, "");
    put(ramdisk, "");
    put(manifest, "4 00 qemu-stubdom-micro-kernel\n# made of linux 6, qemux 1, qemu 1:10.0.2+ds-2, xen 4\n# qemu 9\n");
    failed = cmocka_run_group_tests_name("xl-audit", tests, NULL, NULL);
    unlink(path);
    unlink(kernel);
    unlink(ramdisk);
    unlink(manifest);
    rmdir(dir);
    return failed;
}
