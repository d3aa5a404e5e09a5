// sources: launcher/xl-stubdom/disks.c launcher/xl-stubdom/config.c launcher/xl-stubdom/fault.c
// sources: launcher/xl-stubdom/pci.c launcher/xl-stubdom/keys.c launcher/xl-stubdom/nics.c
// sources: launcher/xl-stubdom/devices.c launcher/xl-stubdom/flavour.c
// sources: launcher/xl-stubdom/channels.c launcher/xl-stubdom/serials.c
// sources: launcher/xl-stubdom/host-file.c launcher/xl-stubdom/firmware.c launcher/xl-stubdom/vnc.c
// sources: launcher/xl-stubdom/usb.c launcher/dom0-daemon/root/options.c launcher/dom0-daemon/both/vnc-port.c
// sources: launcher/dom0-daemon/outputs/output-spec.c
// libs: xlutil xenlight
/*
 * What xl-stubdom makes of a guest's disks. The parser is the real libxlutil.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "cleanup.h"
#include "config.h"

#define GUEST "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\n"

static struct config config;
static struct fault fault;

/* Reads a config with these lines. 0 and config.disks, or an error and the fault. */
static int read_guest(const char *rest)
{
    char text[2048];

    config_dispose(&config);
    fault.text[0] = '\0';
    snprintf(text, sizeof(text), GUEST "%s\n", rest);
    return config_init_text(&config, "g.cfg", text, strlen(text), NULL, &fault);
}

static int forget(void **state)
{
    config_dispose(&config);
    return 0;
}

/* These reach libxl as they are. */
static void test_untouched(void **state)
{
    static const char *const lists[] = {
        "",
        "disk = [ ]",
        "disk = [ '/dev/null.img,raw,hda,rw', 'format=raw, vdev=hdb, access=rw, target=/x,y' ]",
        "disk = [ 'backendtype=phy, vdev=hdc, devtype=cdrom, format=empty, access=ro' ]",
        "disk = [ 'script=block-iscsi, vdev=hda, target=iqn=x' ]",
        "disk = [ 'backend=storage, vdev=hda, target=/dev/vg/x' ]",
        "disk = [ 'vdev=sda, access=ro, target=/x', 'vdev=hdb, discard, direct-io-safe, target=/y' ]",
        "disk = [ 'vdev=xvde, access=ro, target=/x', '/y,raw,xvdf1,ro', '/z,raw,d6p2,rw' ]",
        "disk = [ 'vdev=xvdf, cdrom, backendtype=phy, target=/x', '/y,raw,51728,rw' ]",
        "disk = [ '/x,raw,xvdf,rw', '/y,raw,sdg,ro' ]\nhdtype = 'ahci'",
        "disk = [ '/x,raw,xvdz,rw', '/y,raw,xvdaaaa,rw' ]",
        "disk = [ '/x,raw,hda,rw', '/y,raw,xvdaa,rw', '/z,raw,hdb,rw' ]",
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_int_equal(read_guest(lists[i]), 0);
        assert_null(config.disks);
    }
}

/* A disk that exists gets our script. A disk with a script or a driver domain, or a CD drive, does not. */
static void test_helped(void **state)
{
    static const struct { const char *list, *line; } cases[] = {
        { "'/etc/hosts,raw,hda,rw'", "\"script=/h,/etc/hosts,raw,hda,rw\"" },
        { "'phy:/etc/hosts,hda,w'", "\"script=/h,phy:/etc/hosts,hda,w\"" },
        { "'vdev=sda, access=ro, target=/etc/passwd'", "\"script=/h,vdev=sda, access=ro, target=/etc/passwd\"" },
        { "'/nothing,raw,hda,rw'", NULL }, { "'script=block-iscsi, vdev=hda, target=/etc/passwd'", NULL },
        { "'backend=storage, vdev=hda, target=/etc/passwd'", NULL },
        { "'/etc/passwd,raw,hdc:cdrom,r'", "\"backendtype=phy,/etc/passwd,raw,hdc:cdrom,r\"" },
    };
    struct host_config host = {.disk_helper = "/h"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512], line[256];

        config_dispose(&config);
        snprintf(text, sizeof(text), GUEST "disk = [ %s ]\n", cases[i].list);
        assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault), 0);
        snprintf(line, sizeof(line), "disk=[%s]", cases[i].line ? cases[i].line : "");
        if (cases[i].line)
            assert_string_equal(config.disks, line);
        else
            assert_null(config.disks);
    }
}

/* CD drives get backend phy. The rest of the list stays as it is. */
static void test_cdroms(void **state)
{
    static const struct { const char *list, *line; } cases[] = {
        { "disk = [ '/x.iso,raw,hdc:cdrom,r' ]",
          "disk=[\"backendtype=phy,/x.iso,raw,hdc:cdrom,r\"]" },
        { "disk = [ 'file:/x.iso,hdc:cdrom,r' ]",
          "disk=[\"backendtype=phy,file:/x.iso,hdc:cdrom,r\"]" },
        { "disk = [ ',hdc:cdrom,r' ]", "disk=[\"backendtype=phy,,hdc:cdrom,r\"]" },
        { "disk = [ ' vdev=hdc,cdrom' ]", "disk=[\"backendtype=phy, vdev=hdc,cdrom\"]" },
        { "disk = [ '/x,raw,hda,rw', 'vdev=hdc, devtype=cdrom, target=/a \"b\", c.iso',"
          "         'vdev=hdd,cdrom,backendtype=phy' ]",
          "disk=[\"/x,raw,hda,rw\",\"backendtype=phy,vdev=hdc, devtype=cdrom, "
          "target=/a \\\"b\\\", c.iso\",\"vdev=hdd,cdrom,backendtype=phy\"]" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *line = NULL;

        assert_int_equal(read_guest(cases[i].list), 0);
        assert_non_null(config.disks);
        assert_string_equal(config.disks, cases[i].line);
        /* The result needs no further change. */
        line = strdup(config.disks);
        assert_int_equal(read_guest(line), 0);
        assert_null(config.disks);
    }
}

/* libxl of Xen 4.17 would leave them to a QEMU in dom0. */
static void test_old_xen(void **state)
{
    static const struct { int xen; const char *list, *fault; } cases[] = {
        { 17, "'/x,raw,hda,rw', '/y.iso,raw,hdc:cdrom,r'",
          "g.cfg: disk hdc: libxl of Xen 4.17 has no CD drives for stub domains, 4.20's has: "
          "use vdev=sdb, access=ro (a SCSI disk)" },
        { 19, "'vdev=hdd, devtype=cdrom, backendtype=phy'",
          "g.cfg: disk hdd: libxl of Xen 4.19 has no CD drives for stub domains, 4.20's has: "
          "use vdev=sda, access=ro (a SCSI disk)" },
        { 17, "'/x,raw,hda,rw', '/y.iso,raw,sdb,r'", "" }, { 20, "'/y.iso,raw,hdc:cdrom,r'", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct host_config host = {.xen_minor = cases[i].xen};
        char text[512];

        config_dispose(&config);
        fault.text[0] = '\0';
        snprintf(text, sizeof(text), GUEST "disk = [ %s ]\n", cases[i].list);
        assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault),
                         cases[i].fault[0] ? -EINVAL : 0);
        assert_string_equal(fault.text, cases[i].fault);
    }
}

static bool lacks_domain(const char *name)
{
    return strcmp(name, "storage") != 0;
}

/* Disks that dom0 lacks, if a new guest is made. (The tests run in the repository's root.) */
static void test_dom0(void **state)
{
    static const struct { const char *list, *fault; } cases[] = {
        { "'/etc/hosts,raw,hda,rw'", "" }, { "'phy:/etc/hosts,hda,w'", "" }, { "'file:/etc/hosts,hda,w'", "" },
        { "'/nothing,raw,hda,rw'", "g.cfg: disk hda: /nothing: No such file or directory" },
        { "'phy:/nothing,hda,w'", "g.cfg: disk hda: /nothing: No such file or directory" },
        { "'file:/nothing,hda,w'", "g.cfg: disk hda: /nothing: No such file or directory" },
        { "'/etc/hosts/x,raw,hda,rw'", "g.cfg: disk hda: /etc/hosts/x: Not a directory" },
        { "'vdev=hda, target=/a=b, c'", "g.cfg: disk hda: /a=b, c: No such file or directory" },
        { "'vdev=xvde, backendtype=phy, target=/nothing'", "g.cfg: disk xvde: /nothing: No such file or directory" },
        { "'tests/unit/run,raw,hda,rw'", "" },
        { "'tests/none,raw,hda,rw'", "g.cfg: disk hda: tests/none: No such file or directory" },
        { "'/nothing,raw,hdc:cdrom,r'", "g.cfg: disk hdc: /nothing: No such file or directory" },
        { "'/etc/hosts,raw,hdc:cdrom,r'", "" }, { "',hdc:cdrom,r'", "" }, { "'vdev=hdc,cdrom'", "" },
        { "'vdev=hdc,cdrom,format=empty'", "" }, { "'vdev=hdc, cdrom, target='", "" },
        { "'backend=storage, vdev=hda, target=/nothing'", "" },
        { "'backend=storag, vdev=hda, target=/nothing'", "g.cfg: disk hda: backend=storag: there is no such domain" },
        { "'backend=7, vdev=hdc, cdrom'", "g.cfg: disk hdc: backend=7: there is no such domain" },
        { "'backend=Domain-0, vdev=hda, target=/etc/hosts'", "" },
        { "'backend=0, vdev=hda, target=/nothing'", "g.cfg: disk hda: /nothing: No such file or directory" },
        { "'script=/bin/sh, vdev=hda, target=iqn=x'", "" }, { "'script=run, vdev=hda, target=iqn=x'", "" },
        { "'script=/no/script, vdev=hda, target=iqn=x'",
          "g.cfg: disk hda: script=/no/script: No such file or directory" },
        { "'script=block-x, vdev=hdc, cdrom'",
          "g.cfg: disk hdc: script=block-x: tests/unit/block-x: No such file or directory" },
        { "'script=README.md, vdev=hda, target=/etc/hosts'",
          "g.cfg: disk hda: script=README.md: tests/unit/README.md: Permission denied" },
        { "'script=/usr, vdev=hda, target=/etc/hosts'", "g.cfg: disk hda: script=/usr: not a plain file" },
        { "'nbd:/x,hda,w'", "g.cfg: disk hda: script=block-nbd: tests/unit/block-nbd: No such file or directory" },
        { "'backend=storage, vdev=hda, script=block-x, target=/nothing'", "" },
        { "'script=/h,/nothing,raw,hda,rw'", "g.cfg: disk hda: /nothing: No such file or directory" },
    };
    struct host_config host = {.disk_helper = "/h", .here = true,
                               .nics = {.folder = "tests/unit", .lacks_domain = lacks_domain}};

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const char *list = cases[i / 2].list, *expected = cases[i / 2].fault;
        char text[512];

        host.afresh = i % 2;
        config_dispose(&config);
        fault.text[0] = '\0';
        snprintf(text, sizeof(text), GUEST "disk = [ %s ]\n", list);
        assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault),
                         host.afresh && *expected ? -EINVAL : 0);
        assert_string_equal(fault.text, host.afresh ? expected : "");
    }
}

static bool is_snapshot(const char *disk)
{
    return strstr(disk, "snap");
}

/* How many disks the guest may write to. If the host can be asked for snapshots, these do not count. */
static void test_written(void **state)
{
    static const struct { const char *list; int all, but_snapshots; } cases[] = {
        { "'/x,raw,hda,rw', '/y,raw,sdb,ro', '/z.iso,raw,hdc:cdrom,r'", 1, 1 },
        { "'/snap,raw,hda,rw', '/y,raw,hdb,rw'", 2, 1 }, { "'/snap,raw,hda,rw', 'phy:/snap2,hdb,w'", 2, 0 },
        { "'script=/h,/snap,raw,hda,rw'", 1, 0 },
        /* Only a script or a driver domain knows what its target means. */
        { "'script=block-x, vdev=hda, target=/snap'", 1, 1 }, { "'backend=storage, vdev=hda, target=/snap'", 1, 1 },
        { "'backend=0, vdev=hda, target=/snap'", 1, 1 },
    };
    struct host_config host = {.disk_helper = "/h"};

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        char text[512];

        host.is_snapshot = i % 2 ? is_snapshot : NULL;
        config_dispose(&config);
        snprintf(text, sizeof(text), GUEST "disk = [ %s ]\n", cases[i / 2].list);
        assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault), 0);
        assert_int_equal(config.devices.disks.written, i % 2 ? cases[i / 2].but_snapshots : cases[i / 2].all);
    }
}

static void test_refused(void **state)
{
    static const struct { const char *list, *fault; } cases[] = {
        { "disk = [ 'backendtype=qdisk, vdev=hda, target=/x' ]", "disk hda: backendtype=qdisk" },
        { "disk = [ 'backendtype=qdisk, vdev=hdc, cdrom' ]", "disk hdc: backendtype=qdisk" },
        { "disk = [ 'backendtype=tap, vdev=hda, target=/x' ]", "disk hda: backendtype=tap" },
        { "disk = [ '/x,qcow2,hda,rw' ]", "disk hda: format=qcow2 needs a QEMU in dom0: convert" },
        { "disk = [ 'vhd:/x,hda,rw' ]", "disk hda: format=vhd" },
        { "disk = [ 'colo, vdev=hda, target=/x' ]", "disk hda: colo" },
        { "disk = [ '/dev/null,raw,hda,rw' ]",
          "disk hda: /dev/null is neither a file nor a block device" },
        { "disk = [ '/,raw,hdc:cdrom,r' ]", "disk hdc: / is neither" },
        { "disk = [ '/x,raw,hda,ro' ]", "disk hda: QEMU has no read-only IDE or AHCI disks: use "
          "vdev=sda (SCSI), or devtype=cdrom" },
        { "disk = [ '/x,raw,xvdd,ro' ]", "disk xvdd: QEMU has no read-only" },
        { "disk = [ '/x,raw,xvdf,ro' ]\nhdtype = 'ahci'", "disk xvdf: QEMU has no read-only" },
        { "disk = [ '/x,raw,hda,rw', '/y,raw,sda,rw' ]", "disks hda and sda: in the stub domain "
          "both would be xvda: give one another letter" },
        { "disk = [ '/x,raw,hda,rw' , '/y,raw,xvda1,rw' ]", "disks hda and xvda1" },
        /* Names of disks that no guest would see, or with which QEMU would not start. */
        { "disk = [ '/x,raw,hde,rw' ]", "disk hde: no disk has this name: there are hda to hdd" },
        { "disk = [ '/x,raw,hdaa,rw' ]", "disk hdaa: no disk has this name" },
        { "disk = [ '/x,raw,sdq,rw' ]", "disk sdq: no disk has this name" },
        { "disk = [ '/x,raw,hd,rw' ]", "disk hd: no disk has this name" },
        { "disk = [ '/x,raw,hda01,rw' ]", "disk hda01: no disk has this name" },
        { "disk = [ '/x,raw,hda1x,rw' ]", "disk hda1x: no disk has this name" },
        { "disk = [ '/x,raw,vda,rw' ]", "disk vda: no disk has this name" },
        { "disk = [ '/x,raw,hde,rw' ]\nhdtype = 'ahci'", "disk hde: no disk has this name" },
        { "disk = [ '/x,raw,sdh,rw' ]", "disk sdh: the SCSI adapter has disks sda to sdg; its own id "
          "is 7. A disk for the guest's Xen drivers alone is called xvdh" },
        { "disk = [ '/x,raw,sdi,rw' ]", "disk sdi: the SCSI adapter" },
        { "disk = [ '/x,raw,sdp,ro' ]", "disk sdp: the SCSI adapter" },
        { "disk = [ '/x,raw,hda1,rw' ]", "disk hda1: a partition" },
        { "disk = [ '/x,raw,sde3,rw' ]", "disk sde3: a partition" },
        { "disk = [ '/x,raw,xvdc2,rw' ]", "disk xvdc2: a partition" },
        { "disk = [ '/x,raw,d0p1,rw' ]", "disk d0p1: a partition" },
        { "disk = [ '/x,raw,xvdf1,rw' ]\nhdtype = 'ahci'", "disk xvdf1: a partition" },
        { "disk = [ 'vdev=xvde,cdrom' ]", "disk xvde: QEMU's CD drives are hda to hdd" },
        { "disk = [ 'vdev=sdf,cdrom' ]", "disk sdf: QEMU's CD drives are" },
        { "disk = [ '/x,raw' ]", "no vdev specified" },
        { "disk = [ 'vdev=hda, access=maybe, target=/x' ]", "unknown value for access" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(read_guest(cases[i].list), -EINVAL);
        assert_non_null(strstr(fault.text, cases[i].fault));
        assert_ptr_equal(strstr(fault.text, "g.cfg: "), fault.text);
        assert_null(strchr(fault.text, '\n'));
    }
}

/* A guest without a stub domain is left alone. */
static void test_not_ours(void **state)
{
    static const char text[] = "name='g'\ntype='hvm'\ndisk = [ '/x,qcow2,hda,ro', 'vdev=hdc,cdrom' ]";

    assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), NULL, &fault), 0);
    assert_null(config.flavour);
    assert_null(config.disks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_helped, forget),
        cmocka_unit_test_teardown(test_untouched, forget),
        cmocka_unit_test_teardown(test_cdroms, forget),
        cmocka_unit_test_teardown(test_old_xen, forget),
        cmocka_unit_test_teardown(test_dom0, forget),
        cmocka_unit_test_teardown(test_written, forget),
        cmocka_unit_test_teardown(test_refused, forget),
        cmocka_unit_test_teardown(test_not_ours, forget),
    };

    return cmocka_run_group_tests_name("xl-disks", tests, NULL, NULL);
}
