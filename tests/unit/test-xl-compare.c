// sources: launcher/xl-stubdom/compare.c launcher/xl-stubdom/compare-guest.c launcher/xl-stubdom/compare-exec.c
// sources: launcher/xl-stubdom/compare-options.c launcher/xl-stubdom/compare-report.c
// sources: launcher/xl-stubdom/compare-json.c launcher/xl-stubdom/compare-plot.c launcher/xl-stubdom/child.c
// sources: launcher/xl-stubdom/figures.c launcher/xl-stubdom/made-guest.c launcher/xl-stubdom/marked.c
// sources: launcher/xl-stubdom/serial-line.c launcher/xl-stubdom/uuid.c launcher/xl-stubdom/xs-get.c
// sources: launcher/xl-stubdom/fault.c launcher/xl-stubdom/flavour.c launcher/xl-stubdom/screen-change.c
// sources: launcher/xl-stubdom/viewer.c launcher/dom0-daemon/root/fork-alone.c
// cflags: -DSETTLE_SECONDS=0 -DCOMPARE_SELF="\"./create\""
// wrap: xs_open xs_close xs_watch xs_fileno xs_read xs_directory xs_check_watch xs_get_permissions
// wrap: xc_interface_open xc_interface_close xc_domain_getinfo_single xc_version
// libs: xenstore xenctrl json-c
/*
 * compare, with scripts in place of `xl-stubdom create` and xl, and folders in place of xenstore and Xen: a node is a
 * file below `store`, a domain is a file below `xen`.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "cleanup.h"
#include "compare-exec.h"
#include "compare.h"
#include "marked.h"
#include "serial-line.h"

#define MASTER_FD 9 /* of the guest's serial port; the scripts write to it */

static char handle, dir[] = "/tmp/test-xl-compare-XXXXXX";
static int ticks = -1; /* readable every 10 ms, as if xenstore had an event */
static char tty[64];

struct xs_handle *__wrap_xs_open(unsigned long flags) { return (struct xs_handle *)&handle; }
void __wrap_xs_close(struct xs_handle *xs) { }
bool __wrap_xs_watch(struct xs_handle *xs, const char *path, const char *token) { return true; }
int __wrap_xs_fileno(struct xs_handle *xs) { return ticks; }
xc_interface *__wrap_xc_interface_open(xentoollog_logger *a, xentoollog_logger *b, unsigned flags)
{
    return (xc_interface *)&handle;
}
int __wrap_xc_interface_close(xc_interface *xc) { return 0; }
int __wrap_xc_version(xc_interface *xc, int what, void *arg) { return 4 << 16 | 20; }

char **__wrap_xs_check_watch(struct xs_handle *xs)
{
    uint64_t n;

    assert_true(read(ticks, &n, sizeof(n)) > 0 || errno == EAGAIN);
    return NULL;
}

static char *content(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 8192);

    if (f) {
        text[fread(text, 1, 8191, f)] = '\0';
        fclose(f);
        return text;
    }
    free(text);
    return NULL;
}

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    char file[300], *text;

    snprintf(file, sizeof(file), "store%s", path);
    text = content(file);
    *len = text ? strlen(text) : 0;
    return text;
}

struct xs_permissions *__wrap_xs_get_permissions(struct xs_handle *xs, xs_transaction_t t, const char *path,
                                                 unsigned int *count)
{
    *count = 1;
    return calloc(1, sizeof(struct xs_permissions));
}

/* As libxenstore does, one piece of memory, which is freed as one. */
char **__wrap_xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *count)
{
    char **list = calloc(1, 20 * sizeof(*list) + 400), *text = (char *)(list + 20), file[300];
    struct dirent *entry;
    DIR *d;

    snprintf(file, sizeof(file), "store%s", path);
    d = opendir(file);
    *count = 0;
    while (d && (entry = readdir(d)) && *count < 20) {
        if (entry->d_name[0] == '.')
            continue;
        list[(*count)++] = strcpy(text, entry->d_name);
        text += strlen(text) + 1;
    }
    if (d)
        closedir(d);
    return list;
}

int __wrap_xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    static uint64_t passed;
    char file[40];

    snprintf(file, sizeof(file), "xen/%u", domid);
    memset(info, 0, sizeof(*info));
    info->cpu_time = passed += 1000000;
    info->tot_pages = 32 * 256;
    return access(file, F_OK) ? -1 : 0;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(name, 0755);
}

/* The content of a file. Valid until the next call. */
static const char *get(const char *name)
{
    static char *text;

    free(text);
    text = content(name);
    return text ? text : "";
}

#define NODE "put() { mkdir -p \"store/$(dirname \"$1\")\"; printf %s \"$2\" >\"store/$1\"; }\n"
/* Takes flavour and uuid from the script's arguments. */
#define ARGS "f=${*#*stubdom_flavor=\\\"}; for a; do case $a in stubdom_flavor=*) f=${a#*=}; f=${f#?}; f=${f%?} ;;" \
    " uuid=*) u=${a#*=}; u=${u#?}; u=${u%?} ;; esac; done; echo \"$f\" >>created; echo \"$*\" >args\n"
/* Makes domain 7, with a process in dom0. */
#define GUEST "put local/domain/7/name g; put local/domain/7/vm \"/vm/$u\"; mkdir -p xen; touch xen/0 xen/7\n" \
    "sleep 60 >/dev/null 2>&1 & echo $! >pid\n"
#define SERIAL "put local/domain/7/serial/0/tty \"$(cat tty)\"\n"
/* Makes domain 8, its stub domain. */
#define STUB "[ $f = none ] || { put local/domain/7/image/device-model-domid 8\n" \
    "put local/domain/8/vm /vm/stub; touch xen/8; }\n"
#define READY "sleep 0.1; [ $f = none ] || put local/domain/8/device-model/7/state running\n"
/*
 * Makes the guest's VNC port, and the nodes in which libxl keeps the password for a stub domain and for a QEMU in dom0.
 */
#define SCREEN "put local/domain/7/console/vnc-listen 127.0.0.1; put local/domain/0/backend/vfb/8/0/vncpasswd stub\n" \
    "put \"vm/$u/vncpasswd\" guest; put local/domain/7/console/vnc-port \"$(cat port)\"\n"
#define CREATE "#!/bin/sh\n" NODE ARGS GUEST SERIAL STUB READY

static void xl_is_well(void)
{
    put("xl", "#!/bin/sh\nwhile read -r k v; do [ $k != SigBlk: ] || echo $v >mask; done </proc/$$/status\n"
              "echo \"$*\" >>destroyed; kill $(cat pid); rm -rf store/local/domain/[78] xen/[78]\n");
}

static int setup(void **state)
{
    assert_int_equal(system("rm -rf store xen created destroyed args out pid"), 0);
    xl_is_well();
    put("create", CREATE "(sleep 0.1; echo 'starting'; echo 'the login: ') >&9 &\nexit 0\n");
    put("load", "#!/bin/sh\necho \"$GUEST $DOMID $SUBJECT\" >>loaded\n"
                "echo load_speed 12.5 MB/s; echo; echo load_count 7\n");
    unlink("loaded");
    mkdir("store", 0700);
    mkdir("xen", 0700);
    return 0;
}

static void make(struct compare *compare, const char *const *args)
{
    static char *argv[20]; /* the options point into it */
    struct fault fault = {""};
    int argc = 1;

    argv[0] = "compare";
    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)args[argc - 1];
    memset(compare, 0, sizeof(*compare));
    if (compare_options_init(&compare->options, argc, argv, &fault))
        fail_msg("%s", fault.text);
    compare->guest = strdup("g");
    compare->written_disks = 1;
    for (size_t i = 0; i < compare->options.subjects; i++)
        assert_int_equal(compare_subject(compare, compare->options.subject[i]), 0);
}

#define MAKE(compare, ...) make(compare, (const char *const[]){__VA_ARGS__, NULL})

static size_t count_of(struct compare *compare, const char *name, size_t subject)
{
    return figures_measure(&compare->report.figures, name, "", "")->of[subject].count;
}

static double value_of(struct compare *compare, const char *name, size_t subject)
{
    return figures_measure(&compare->report.figures, name, "", "")->of[subject].value[0];
}

static void test_runs(void **state)
{
    struct compare compare;
    struct fault fault = {""};
    int signal = 0;

    MAKE(&compare, "--of=micro,dom0", "--runs=2", "--until=^the login: *$", "--idle=1", "--exec=./load", "--yes",
         "--dom0-qemu=/q", "g.cfg", "memory=64");
    if (compare_run(&compare, "./xl", "./viewer", &signal, &fault))
        fail_msg("%s", fault.text);
    assert_true(compare.report.complete);
    /* Each round begins with another subject. */
    assert_string_equal(get("created"), "micro\nnone\nnone\nmicro\n");
    assert_string_equal(get("destroyed"), "destroy 7\ndestroy 7\ndestroy 7\ndestroy 7\n");
    /* xl destroy has SIGCHLD unblocked, for its scripts, and SIGINT blocked. */
    assert_int_equal(strtoull(get("mask"), NULL, 16) & (1 << (SIGINT - 1) | 1 << (SIGCHLD - 1)),
                     1 << (SIGINT - 1));
    assert_string_equal(get("loaded"), "g 7 micro\ng 7 dom0\ng 7 dom0\ng 7 micro\n");
    assert_non_null(strstr(get("args"), "create g.cfg memory=64 stubdom_flavor=\"micro\" uuid=\""));
    assert_null(strstr(get("args"), "device_model_override"));
    for (size_t i = 0; i < 2; i++) {
        static const char *const all[] = {"create", "until", "dom0_memory", "dom0_processes", "dom0_descriptors",
                                          "idle_guest", "idle_processes", "idle_dom0", "idle_wakeups", "load_speed"};

        for (size_t j = 0; j < ARRAY_LEN(all); j++)
            assert_int_equal(count_of(&compare, all[j], i), 2);
    }
    assert_int_equal(count_of(&compare, "stub_ready", 0), 2);
    assert_int_equal(count_of(&compare, "stub_ready", 1), 0);
    assert_int_equal(count_of(&compare, "idle_stub", 1), 0);
    assert_true(value_of(&compare, "stub_memory", 0) == 32);
    /* Domain 7's process, and perhaps the one that has just written the line. */
    assert_in_range((int)value_of(&compare, "dom0_processes", 0), 1, 2);
    assert_true(value_of(&compare, "dom0_memory", 0) > 0);
    assert_true(value_of(&compare, "dom0_descriptors", 0) >= 3);
    assert_true(value_of(&compare, "until", 1) > value_of(&compare, "create", 1));
    assert_true(value_of(&compare, "load_count", 1) == 7);
    assert_true(value_of(&compare, "stub_ready", 0) > 0.02 && value_of(&compare, "stub_ready", 0) < 5);
    compare_dispose(&compare);
}

static void test_dom0_qemu(void **state)
{
    struct compare compare;
    struct fault fault = {""};
    int signal = 0;

    MAKE(&compare, "--of=dom0", "--runs=1", "--idle=0", "--yes", "--dom0-qemu=/q", "g.cfg");
    assert_int_equal(compare_run(&compare, "./xl", "./viewer", &signal, &fault), 0);
    assert_non_null(strstr(get("args"), "device_model_override=\"/q\""));
    assert_int_equal(count_of(&compare, "idle_guest", 0), 0);
    compare_dispose(&compare);
}

/* What goes wrong in the first run, the message, and what is destroyed then. */
static void test_failures(void **state)
{
    static const struct {
        const char *create, *load;
        int rc;
        const char *says, *destroyed;
    } rows[] = {
        {"#!/bin/sh\nexit 1\n", NULL, -ECHILD, "micro: xl-stubdom create failed", ""},
        /* A failed create has left a guest that is ours. */
        {CREATE "exit 1\n", NULL, -ECHILD, "micro: xl-stubdom create failed", "destroy 7\n"},
        /* A domain with another uuid is somebody else's, even with the same name. */
        {"#!/bin/sh\n" NODE ARGS "u=x\n" GUEST "kill $(cat pid)", NULL, -ENOENT, "no domain has its name and uuid", ""},
        {CREATE, NULL, -ETIMEDOUT, "micro: no line /login/ on its serial console in time", "destroy 7\n"},
        {CREATE "(sleep 0.3; rm xen/7) & exit 0", NULL, -ETIMEDOUT, "serial console before it ended", "destroy 7\n"},
        {"#!/bin/sh\n" NODE ARGS GUEST STUB READY "exit 0", NULL, -ENOENT, "has no serial console", "destroy 7\n"},
        {NULL, "#!/bin/sh\nexit 3\n", -ECHILD, "./load: it failed for micro", "destroy 7\n"},
        {NULL, "#!/bin/sh\necho Speed: 3\n", -EINVAL, "not NAME VALUE [UNIT]: Speed:", "destroy 7\n"},
        {NULL, "#!/bin/sh\ntrap '' TERM; exec sleep 30\n", -ETIMEDOUT, "./load: no end after 2 s", "destroy 7\n"},
        /* The guest has gone, but not its stub domain: the stub domain is destroyed. */
        {NULL, "#!/bin/sh\nrm -r store/local/domain/7; exit 1\n", -ECHILD, "it failed", "destroy 8\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct compare compare;
        struct fault fault = {""};
        int signal = 0;

        setup(NULL);
        if (rows[i].create)
            put("create", rows[i].create);
        if (rows[i].load)
            put("load", rows[i].load);
        /* A busy machine may take long for the rest. */
        MAKE(&compare, "--of=micro", "--runs=2", "--until=login",
             rows[i].rc == -ETIMEDOUT ? "--timeout=2" : "--timeout=60", "--idle=0", "--exec=./load", "--yes", "g.cfg");
        assert_int_equal(compare_run(&compare, "./xl", "./viewer", &signal, &fault), rows[i].rc);
        if (!strstr(fault.text, rows[i].says))
            fail_msg("%zu: %s", i, fault.text);
        assert_string_equal(get("destroyed"), rows[i].destroyed);
        assert_false(compare.report.complete);
        /* The time of a create that failed is no figure. */
        if ((compare.report.figures.count > 0) == !!strstr(fault.text, "create"))
            fail_msg("%zu: %zu figures, first %s: %s", i, compare.report.figures.count,
                     compare.report.figures.count ? compare.report.figures.measure[0].name : "", fault.text);
        compare_dispose(&compare);
        assert_int_equal(system("kill $(cat pid 2>/dev/null) 2>/dev/null || true"), 0);
    }
}

static int setup_screen(void **state)
{
    unlink("looks");
    return root_only(state) ?: setup(state);
}

#define CREATE_SCREEN "#!/bin/sh\n" NODE ARGS GUEST STUB SCREEN READY "exit 0\n"

static void test_screen(void **state)
{
    struct compare compare;
    struct fault fault = {""};
    int signal = 0;

    put("create", CREATE_SCREEN);
    put("viewer", "#!/bin/sh\necho \"$# $1 $(cat <&3)\" >>looks; exec sleep 0.5\n");
    MAKE(&compare, "--of=micro,dom0", "--runs=2", "--until-screen", "--idle=0", "--yes", "g.cfg");
    if (compare_run(&compare, "./xl", "./viewer", &signal, &fault))
        fail_msg("%s", fault.text);
    assert_string_equal(get("looks"), "1 change stub\n1 change guest\n1 change guest\n1 change stub\n");
    assert_int_equal(count_of(&compare, "until_screen", 0), 2);
    assert_int_equal(count_of(&compare, "until_screen", 1), 2);
    assert_int_equal(count_of(&compare, "until", 1), 0);
    assert_true(value_of(&compare, "until_screen", 1) > 0.5);
    compare_dispose(&compare);
}

/* Reasons why the change of the screen is not seen. Afterwards no viewer runs any more. */
static void test_screen_failures(void **state)
{
    static const struct {
        const char *create, *viewer;
        int rc;
        const char *says;
    } rows[] = {
        {CREATE "exit 0\n", "exit 0", -ENOENT, "micro: --until-screen: the guest has no screen"},
        {"#!/bin/sh\necho 1 >port\n" NODE ARGS GUEST STUB SCREEN READY, "exit 0", -ECONNREFUSED,
         "micro: --until-screen: g: its VNC port, 127.0.0.1, 1"},
        {CREATE_SCREEN, "exit 4", -EIO, "micro: --until-screen: g: its VNC hung up"},
        {"#!/bin/sh\n" NODE ARGS GUEST STUB SCREEN READY
         "(until kill -9 $(cat viewer.pid); do sleep 0.1; done) >&- 2>&- &\n",
         "read n x </proc/self/stat; echo $n >viewer.pid; exec sleep 30", -ETIMEDOUT, "somebody has killed its viewer"},
        {CREATE_SCREEN, "exec sleep 30", -ETIMEDOUT, "micro: its screen did not change in time"},
    };
    cleanup_free char *port = content("port");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct compare compare;
        struct fault fault = {""};
        char viewer[120];
        int signal = 0;

        setup(NULL);
        put("port", port);
        put("create", rows[i].create);
        snprintf(viewer, sizeof(viewer), "#!/bin/sh\n%s\n", rows[i].viewer);
        put("viewer", viewer);
        /* The last row must time out. A long limit for the others, since the machine may be busy. */
        MAKE(&compare, "--of=micro", "--runs=1", "--until-screen",
             i == ARRAY_LEN(rows) - 1 ? "--timeout=2" : "--timeout=60", "--idle=0", "--yes", "g.cfg");
        assert_int_equal(compare_run(&compare, "./xl", "./viewer", &signal, &fault), rows[i].rc);
        if (!strstr(fault.text, rows[i].says))
            fail_msg("%zu: %s", i, fault.text);
        assert_string_equal(get("destroyed"), "destroy 7\n");
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        compare_dispose(&compare);
    }
    put("port", port);
}

static void test_refused(void **state)
{
    static const struct {
        const char *name; /* of a domain that exists */
        bool yes;
        int rc;
        const char *says;
    } rows[] = {
        {"g", true, -EEXIST, "g: there is a domain of that name, 5"},
        {"g-dm", true, -EEXIST, "a domain of that name"},
        {"gg", false, -EPERM, "say --yes"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct compare compare;
        struct fault fault = {""};
        int signal = 0;

        setup(NULL);
        assert_int_equal(system("mkdir -p store/local/domain/5"), 0);
        put("store/local/domain/5/name", rows[i].name);
        MAKE(&compare, "--of=micro", "g.cfg", rows[i].yes ? "--yes" : NULL);
        assert_int_equal(compare_run(&compare, "./xl", "./viewer", &signal, &fault), rows[i].rc);
        assert_non_null(strstr(fault.text, rows[i].says));
        assert_string_equal(get("created"), "");
        assert_string_equal(get("destroyed"), "");
        compare_dispose(&compare);
    }
}

/* The config has a uuid, and a domain with another name has the same one. */
static void test_same_uuid(void **state)
{
    struct compare compare;
    struct fault fault = {""};
    int signal = 0;

    assert_int_equal(system("mkdir -p store/local/domain/5; printf /vm/u-u >store/local/domain/5/vm"), 0);
    MAKE(&compare, "--of=micro", "--yes", "g.cfg");
    compare.uuid = strdup("U-U");
    assert_int_equal(compare_run(&compare, "./xl", "./viewer", &signal, &fault), -EEXIST);
    assert_non_null(strstr(fault.text, "g: domain 5 has its uuid"));
    assert_string_equal(get("created"), "");
    assert_string_equal(get("destroyed"), "");
    compare_dispose(&compare);
}

/* The config has a uuid. After our check somebody else makes the same guest, or another one with that uuid. */
static void test_same_uuid_meanwhile(void **state)
{
    static const struct {
        const char *create, *destroyed;
        int rc;
    } rows[] = {
        /* Their guest has the name, so ours is not made. Their processes do not have our mark. */
        {CREATE "kill $(cat pid); exit 1\n", "", -ECHILD},
        {"#!/bin/sh\n" NODE ARGS "put local/domain/5/name copy; put local/domain/5/vm \"/vm/$u\"; touch xen/5\n" GUEST
         "exit 0\n", "destroy 7\n", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct compare compare;
        struct fault fault = {""};
        int signal = 0;

        setup(NULL);
        put("create", rows[i].create);
        MAKE(&compare, "--of=dom0", "--runs=1", "--idle=0", "--yes", "g.cfg");
        compare.uuid = strdup("U-U");
        if (compare_run(&compare, "./xl", "./viewer", &signal, &fault) != rows[i].rc)
            fail_msg("%zu: %s", i, fault.text);
        assert_string_equal(get("destroyed"), rows[i].destroyed);
        compare_dispose(&compare);
        assert_int_equal(system("kill $(cat pid) 2>/dev/null || true"), 0);
    }
}

/* Runs compare in a process of its own, which reports the result. */
static pid_t start_run(void)
{
    pid_t pid = fork();
    struct compare compare;
    struct fault fault = {""};
    int signal = 0, rc;

    assert_true(pid >= 0);
    if (pid)
        return pid;
    MAKE(&compare, "--of=micro", "--until=never", "--yes", "g.cfg");
    rc = compare_run(&compare, "./xl", "./viewer", &signal, &fault);
    compare_dispose(&compare);
    _exit(rc == -EINTR ? signal : 99);
}

static void test_interrupted(void **state)
{
    /* Signals while create runs, which gets it and cleans up; and later. */
    static const struct {
        const char *create, *wait_for, *destroyed;
    } rows[] = {
        {"#!/bin/sh\ntrap 'echo told >args; exit 143' TERM\ntouch out; while :; do sleep 0.05; done\n", "out", ""},
        {CREATE "(sleep 0.3; touch out) & exit 0", "out", "destroy 7\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status;
        pid_t pid;

        setup(NULL);
        put("create", rows[i].create);
        pid = start_run();
        for (int n = 0; access(rows[i].wait_for, F_OK) && n < 500; n++)
            usleep(10000);
        kill(pid, SIGTERM);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), SIGTERM);
        assert_string_equal(get("destroyed"), rows[i].destroyed);
        if (!i)
            assert_string_equal(get("args"), "told\n");
    }
}

static void test_options(void **state)
{
    static const struct {
        const char *args[4];
        const char *says;
    } rows[] = {
        {{"--runs=0", "g.cfg"}, "--runs=0: a number from 1"},
        {{"--runs=1x", "g.cfg"}, "--runs=1x"},
        {{"--idle=-1", "g.cfg"}, "--idle=-1"},
        {{"--timeout=", "g.cfg"}, "--timeout="},
        {{"--of=linux,nonsense", "g.cfg"}, "--of: nonsense: there are \"linux\""},
        {{"--of=linux,linux", "g.cfg"}, "twice"},
        {{"--of=", "g.cfg"}, "--of: : "},
        {{"--nonsense", "g.cfg"}, "--help"},
        {{"--runs"}, "--help"},
        {{"--yes"}, "either"},
        {{"--from=x.json", "g.cfg"}, "either"},
        {{"g.cfg", "more"}, "more: not KEY=VALUE"},
    };
    struct compare_options options;
    struct fault fault;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *argv[6] = {"compare"};
        int argc = 1;

        for (; argc <= 4 && rows[i].args[argc - 1]; argc++)
            argv[argc] = (char *)rows[i].args[argc - 1];
        opterr = 0;
        assert_int_equal(compare_options_init(&options, argc, argv, &fault), -EINVAL);
        if (!strstr(fault.text, rows[i].says))
            fail_msg("%zu: %s", i, fault.text);
        compare_options_dispose(&options);
    }
    char *plain[] = {"compare", "g.cfg", NULL};
    assert_int_equal(compare_options_init(&options, 2, plain, &fault), 0);
    assert_int_equal(options.subjects, 4);
    assert_string_equal(options.subject[3], "dom0");
    assert_int_equal(options.runs, 3);
    compare_options_dispose(&options);
}

static void test_exec_lines(void **state)
{
    static const struct {
        const char *line, *name, *unit;
        double value;
    } good[] = {
        {"a 1", "a", "", 1}, {"  disk_read \t 1e3 MB/s\r\n", "disk_read", "MB/s", 1000}, {"\n", NULL, "", 0},
        {"x -0.5\n", "x", "", -0.5},
    };
    static const char *const bad[] = {"a", "a b", "A 1", "1 1", "a 1x", "a nan", "a inf", "a 1 s more", "a-b 1",
                                      "a 1 0123456789012"};
    struct exec_line said;
    struct fault fault;
    char line[EXEC_LINE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        strcpy(line, good[i].line);
        assert_int_equal(exec_line_read(line, &said, &fault), 0);
        if (!good[i].name) {
            assert_null(said.name);
            continue;
        }
        assert_string_equal(said.name, good[i].name);
        assert_string_equal(said.unit, good[i].unit);
        assert_true(said.value == good[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        strcpy(line, bad[i]);
        assert_int_equal(exec_line_read(line, &said, &fault), -EINVAL);
    }
}

static void test_figures(void **state)
{
    struct figures figures = {0};
    struct measure *measure = figures_measure(&figures, "create", "s", "how long");
    struct summary summary;

    assert_int_equal(figures_subject(&figures, "micro"), 0);
    assert_int_equal(figures_subject(&figures, "dom0"), 1);
    assert_int_equal(figures_subject(&figures, "micro"), 0);
    assert_ptr_equal(figures_measure(&figures, "create", "", ""), measure);
    assert_int_equal(figures_summary(&figures, measure, 0).count, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(measure_add(measure, 0, (double[]){10, 2, 3, 1}[i]), 0);
    summary = figures_summary(&figures, measure, 0);
    assert_true(summary.median == 2.5 && summary.least == 1 && summary.most == 10);
    assert_true(summary.count == 4 && !summary.ratio);
    measure_add(measure, 0, 4);
    measure_add(measure, 1, 2);
    summary = figures_summary(&figures, measure, 0);
    assert_true(summary.median == 3 && summary.ratio == 1.5);
    assert_true(!figures_summary(&figures, measure, 1).ratio);
    for (int i = 2; i < SUBJECTS_MAX; i++)
        assert_int_equal(figures_subject(&figures, (char[]){'a' + i, 0}), i);
    assert_int_equal(figures_subject(&figures, "more"), -ENOSPC);
    figures_dispose(&figures);
}

static void fill(struct report *report)
{
    static const struct {
        const char *name, *unit;
        double micro, dom0;
    } rows[] = {{"create", "s", 0.21, 1.5}, {"dom0_memory", "MiB", 5, 60}, {"it_s", "'", 0, 2000}};

    memset(report, 0, sizeof(*report));
    report->date = strdup("2026-11-29T12:00:00Z");
    report->title = strdup("it's g");
    report->missing[0] = strdup("rump: not here");
    report->complete = true;
    figures_subject(&report->figures, "micro");
    figures_subject(&report->figures, "dom0");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct measure *measure = figures_measure(&report->figures, rows[i].name, rows[i].unit, "what it means");

        measure_add(measure, 0, rows[i].micro);
        measure_add(measure, 1, rows[i].dom0);
    }
}

static void test_json(void **state)
{
    struct report report, again = {0};
    struct fault fault = {""};

    fill(&report);
    assert_int_equal(report_write_json(&report, "a.json", &fault), 0);
    assert_non_null(strstr(get("a.json"), "\"median\": 0.21,") ? "" : strstr(get("a.json"), "\"median\":0.21,"));
    if (report_read_json(&again, "a.json", &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(report_write_json(&again, "b.json", &fault), 0);
    assert_int_equal(system("cmp a.json b.json"), 0);
    report_dispose(&again);
    for (int i = 0; i < 7; i++) {
        put("bad.json", (const char *[]){"", "[]", "{\"version\": 2, \"measures\": []}", "{\"version\": 1}",
            "{\"version\": 1, \"measures\": [1]}",
            "{\"version\": 1, \"measures\": [{\"name\": \"A\", \"results\": []}]}",
            "{\"version\": 1, \"measures\": [{\"name\": \"a\", \"results\": [{\"of\": \"x\"}]}]}"}[i]);
        assert_int_equal(report_read_json(&again, "bad.json", &fault), -EINVAL);
        report_dispose(&again);
    }
    report_dispose(&report);
}

static void test_table(void **state)
{
    struct report report;
    FILE *out = fopen("table", "w");

    fill(&report);
    report_print(&report, out);
    fclose(out);
    assert_non_null(strstr(get("table"), "missing: rump: not here\n"));
    assert_non_null(strstr(get("table"), "create, s: what it means\n"
                                         "  micro         0.210      0.210      0.210      1      0.14\n"
                                         "  dom0          1.500      1.500      1.500      1\n"));
    report_dispose(&report);
}

static void test_plot(void **state)
{
    struct report report;
    struct fault fault = {""};

    fill(&report);
    unlink("gnuplot");
    setenv("PATH", "/bin:.", 1);
    assert_int_equal(report_plot(&report, "p", &fault), access("/bin/gnuplot", F_OK) ? 1 : 0);
    assert_non_null(strstr(get("p.gnuplot"), "title 'it''s g'"));
    assert_non_null(strstr(get("p.gnuplot"), "0 micro 0.21 0.21 0.21 0.21\n1 dom0 1.5 1.5 1.5 1.5\n"));
    /* Each subject has a fill pattern of its own, so that the plot can be read in black and white. */
    assert_non_null(strstr(get("p.gnuplot"), "$1 == 0 ? $1 : NaN):3:(0.6) with boxes fill solid 0.7 linecolor"));
    assert_non_null(strstr(get("p.gnuplot"), "$1 == 1 ? $1 : NaN):3:(0.6) with boxes fill pattern 4 linecolor"));
    setenv("PATH", ".:/bin", 1);
    /* Somebody else may change the file before gnuplot reads it: gnuplot must not run that. */
    put("gnuplot", "#!/bin/sh\necho \"$*\" >drawn; cp p.gnuplot written; echo 'system \"bad\"' >p.gnuplot\n"
                   "case $1 in -) cat ;; *) cat \"$1\" ;; esac >ran\n");
    assert_int_equal(report_plot(&report, "p", &fault), 0);
    assert_string_equal(get("drawn"), "-\n");
    assert_int_equal(system("cmp ran written"), 0);
    put("gnuplot", "#!/bin/sh\nexit 1\n");
    assert_int_equal(report_plot(&report, "p", &fault), -EIO);
    unlink("gnuplot");
    assert_int_equal(report_plot(&report, "no/where", &fault), -ENOENT);
    report_dispose(&report);
}

static void test_serial(void **state)
{
    struct serial_line line;
    struct fault fault;
    char text[40], flood[3000];

    assert_int_equal(serial_line_init(&line, "(", &fault), -EINVAL);
    serial_line_dispose(&line);
    assert_int_equal(serial_line_init(&line, "^ab+c$", &fault), 0);
    assert_int_equal(serial_line_open(&line, "/etc/passwd"), -EINVAL);
    assert_int_equal(serial_line_open(&line, "/dev/pts/../null"), -EINVAL);
    assert_int_equal(serial_line_open(&line, "/dev/pts/none"), -ENOENT);
    assert_int_equal(serial_line_open(&line, tty), 0);
    assert_false(serial_line_read(&line));
    assert_int_equal(write(MASTER_FD, "xabc\r\nab", 8), 8);
    assert_false(serial_line_read(&line));
    assert_int_equal(write(MASTER_FD, "bc\r\nmore", 8), 8);
    assert_true(serial_line_read(&line));
    /* Nothing is sent to the guest. */
    assert_int_equal(fcntl(MASTER_FD, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(MASTER_FD, text, sizeof(text)), -1);
    fcntl(MASTER_FD, F_SETFL, 0);
    /* An endless line is cut. */
    memset(flood, 'a', sizeof(flood));
    assert_int_equal(write(MASTER_FD, flood, sizeof(flood)), sizeof(flood));
    for (int i = 0; i < 10; i++)
        assert_false(serial_line_read(&line));
    assert_int_equal(line.len, SERIAL_LINE_MAX - 1);
    serial_line_dispose(&line);
}

static void test_marked(void **state)
{
    char mark[] = MARK_NAME "=unit";
    struct marked marked = marked_look("/proc", mark);

    assert_int_equal(marked.processes, 0);
    put("spend", "#!/bin/sh\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\n"
                 "sleep 60 & echo $! >child; touch out; wait\n");
    assert_int_equal(system(MARK_NAME "=unit ./spend </dev/null >/dev/null 2>&1 & echo $! >pid"), 0);
    for (int n = 0; access("out", F_OK) && n < 500; n++)
        usleep(10000);
    usleep(100000);
    marked = marked_look("/proc", mark);
    assert_int_equal(system("kill $(cat child pid)"), 0);
    assert_int_equal(marked.processes, 2);
    assert_in_range(marked.descriptors, 6, 60);
    assert_in_range(marked.memory_kib, 50, 20000);
    assert_true(marked.cpu_ns > 100000);
    assert_true(marked.wakeups > 0);
}

/* Listens at the guest's VNC port, and answers nothing. */
static void listen_screen(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char port[16];

    assert_true(server >= 0 && !bind(server, (struct sockaddr *)&addr, sizeof(addr)) && !listen(server, 16) &&
                !getsockname(server, (struct sockaddr *)&addr, &len));
    snprintf(port, sizeof(port), "%u", ntohs(addr.sin_port));
    put("port", port);
}

static int begin(void **state)
{
    const struct itimerspec often = {.it_interval.tv_nsec = 10000000, .it_value.tv_nsec = 10000000};
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
    strcpy(tty, ptsname(master));
    assert_int_equal(dup2(master, MASTER_FD), MASTER_FD);
    assert_true(open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0); /* keeps the pty open, which would hang up otherwise */
    put("tty", tty);
    listen_screen();
    ticks = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(ticks, 0, &often, NULL);
    return freopen("/dev/null", "r", stdin) ? 0 : -1;
}

static int end(void **state)
{
    char command[80];

    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_runs, setup),
        cmocka_unit_test_setup(test_dom0_qemu, setup),
        cmocka_unit_test_setup(test_failures, setup),
        cmocka_unit_test_setup(test_screen, setup_screen),
        cmocka_unit_test_setup(test_screen_failures, setup_screen),
        cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_same_uuid, setup),
        cmocka_unit_test_setup(test_same_uuid_meanwhile, setup),
        cmocka_unit_test_setup(test_interrupted, setup),
        cmocka_unit_test_setup(test_marked, setup),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_exec_lines),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_plot),
    };

    return cmocka_run_group_tests_name("xl-compare", tests, begin, end);
}
