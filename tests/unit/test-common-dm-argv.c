/*
 * The rewriting of arguments, with those that libxl 4.20 writes for real guests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

/* Included with its table, so that the test can check that every option is tested. */
#include "dm-argv.c"

static struct dm_needs needs;
static struct str_list in, out;
static char error[DM_ERROR_MAX];

static struct dm_extras extras_plain(void)
{
    return (struct dm_extras){ .guest = 7, .qemu = "/usr/bin/qemu", .disk_options = "cache=none,aio=native",
                               .qmp_path = "/run/qmp", .own_qmp_fd = -1, .save_fd = -1 };
}

static void set_in(const char *const *args)
{
    str_list_dispose(&in);
    for (; *args; args++)
        assert_int_equal(str_list_add(&in, *args), 0);
}

static int scan(const char *const *args)
{
    set_in(args);
    return dm_argv_scan(&in, &needs, error);
}

static int rewrite(const struct dm_extras *extras)
{
    str_list_dispose(&out);
    return dm_argv_rewrite(&in, &needs, extras, &out, error);
}

static void assert_out(const char *const *expected)
{
    size_t n = 0;

    for (; expected[n]; n++) {
        assert_true(n < out.count);
        assert_string_equal(out.items[n], expected[n]);
    }
    assert_int_equal(out.count, n);
}

static int dispose(void **state)
{
    str_list_dispose(&in);
    str_list_dispose(&out);
    return 0;
}

/* A guest with everything usual, as libxl 4.20 writes it. */
static const char *const usual[] = {
    "-xen-domid", "7", "-no-shutdown", "-nodefaults", "-no-user-config", "-name", "guest",
    "-display", "none", "-serial", "/dev/hvc3", "-device", "VGA,vgamem_mb=16", "-boot",
    "order=cd", "-usb", "-usbdevice", "tablet", "-smp", "2,maxcpus=2", "-device",
    "e1000,id=nic0,netdev=net0,mac=00:16:3e:11:22:33", "-netdev",
    "type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=/etc/xen/scripts/qemu-ifup,"
    "downscript=/etc/xen/scripts/qemu-ifup", "-machine", "xenfv,suppress-vmdesc=on", "-m", "496",
    "-drive", "file=/dev/xvda,if=ide,index=0,media=disk,format=host_device,cache=writeback",
    "-drive", "if=none,readonly=on,id=ide-5632,file=/dev/xvdc,format=host_device", "-device",
    "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0", NULL
};

static void usual_guest(void **state)
{
    static const char *const expected[] = {
        "/usr/bin/qemu", "-xen-domid", "7", "-no-shutdown", "-nodefaults", "-no-user-config",
        "-name", "guest=guest", "-display", "none", "-serial", "/dev/hvc3", "-device",
        "VGA,vgamem_mb=16", "-boot", "order=cd", "-usb", "-usbdevice", "tablet", "-smp",
        "2,maxcpus=2", "-device", "e1000,id=nic0,netdev=net0,mac=00:16:3e:11:22:33", "-netdev",
        "tap,fd=9,id=net0", "-machine", "xenfv,suppress-vmdesc=on", "-m", "496", "-drive",
        "file=/dev/xvda,if=ide,index=0,media=disk,format=host_device,cache=none,"
        "aio=native", "-drive",
        "if=none,readonly=on,id=ide-5632,file=/dev/xvdc,format=host_device", "-device",
        "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0", "-chardev",
        "socket,id=stubdom-qmp,path=/run/qmp,server=on,wait=off", "-mon",
        "chardev=stubdom-qmp,mode=control", "-xen-domid-restrict", "-vnc", "none", NULL
    };
    struct dm_extras extras = extras_plain();

    assert_int_equal(scan(usual), 0);
    assert_true(needs.disks[0]);
    assert_false(needs.disks[1]);
    assert_true(needs.disks[2]);
    assert_int_equal(needs.nic_count, 1);
    assert_int_equal(needs.nics[0].devid, 0);
    assert_int_equal(needs.serial_count, 1);
    assert_int_equal(needs.serials[0].console, 3);
    assert_false(needs.restore);

    strcpy(needs.nics[0].backend, "tap,fd=9");
    strcpy(needs.serials[0].chardev, "/dev/hvc3");
    assert_int_equal(rewrite(&extras), 0);
    assert_out(expected);
}

/* One option at a time: input and output. */
static void each_rule(void **state)
{
    static const struct {
        const char *in[5], *out[5];
    } cases[] = {
        { { "-unknown", "value" }, { "-unknown", "value" } },
        { { "-no-acpi", "-machine", "pc" }, { "-machine", "pc,acpi=off" } },
        { { "-machine", "pc,accel=xen" }, { "-machine", "pc,accel=xen" } },
        { { "-incoming", "$STUBDOM_RESTORE_INCOMING_ARG" }, { "-incoming", "fd:11" } },
        { { "-incoming", "defer" }, { "-incoming", "defer" } },
        { { "-xen-domid-restrict" }, { NULL } },
        { { "-runas", "xen-qemuuser:1" }, { NULL } },
        { { "-chroot", "/var/run/xen/qemu-root-7" }, { NULL } },
        { { "-run-with", "user=1:1" }, { NULL } },
        { { "-serial", "null" }, { "-serial", "null" } },
        { { "-netdev", "hubport,id=h,hubid=0" }, { "-netdev", "hubport,id=h,hubid=0" } },
        { { "-net", "none" }, { "-net", "none" } },
        { { "-drive", "if=none,id=x" }, { "-drive", "if=none,id=x" } },
        { { "-drive", "file=/dev/null,if=none" }, { "-drive", "file=/dev/null,if=none" } },
        { { "-drive", "file=/dev/xvde,if=none" },
          { "-drive", "file=/dev/xvde,if=none,cache=none,aio=native" } },
        { { "-drive", "file=/dev/xvde,cache=writeback,id=a" },
          { "-drive", "file=/dev/xvde,cache=none,aio=native,id=a" } },
        { { "-drive", "file=/dev/xvde,readonly=on,cache=writeback" },
          { "-drive", "file=/dev/xvde,readonly=on,cache=writeback" } },
        { { "-drive", "file=/dev/xvde,cache=unsafe" }, { "-drive", "file=/dev/xvde,cache=unsafe" } },
        { { "-blockdev", "driver=raw,file=a,node-name=b" },
          { "-blockdev", "driver=raw,file=a,node-name=b" } },
        { { "-boot", "order=cda" }, { "-boot", "order=cda" } },
        { { "-hdb", "/dev/xvdb" }, { "-hdb", "/dev/xvdb" } },
        { { "-debugcon", "stdio" }, { "-debugcon", "stdio" } },
        { { "-chardev", "ringbuf,id=x" }, { "-chardev", "ringbuf,id=x" } },
        { { "-monitor", "none" }, { "-monitor", "none" } },
        { { "-display", "none" }, { "-display", "none" } },
        { { "-usbdevice", "mouse" }, { "-usbdevice", "mouse" } },
        { { "-device", "e1000,romfile=" }, { "-device", "e1000,romfile=" } },
        { { "-object", "iothread,id=i" }, { "-object", "iothread,id=i" } },
        { { "-audiodev", "none,id=a" }, { "-audiodev", "none,id=a" } },
        { { "--display", "none" }, { "-display", "none" } },
        /* A value that looks like an option stays a value. */
        { { "-name", "-kernel" }, { "-name", "guest=-kernel" } },
        { { "-name", "web,01" }, { "-name", "guest=web,,01" } },
        { { "-name", ",a,," }, { "-name", "guest=,,a,,,," } },
        { { "-name", "a=b" }, { "-name", "guest=a=b" } },
        { { "-name", "x,debug-threads=on" }, { "-name", "guest=x,,debug-threads=on" } },
        { { "-name", "q\"uote %s%n \t\xc3\xa9" }, { "-name", "guest=q\"uote %s%n \t\xc3\xa9" } },
        { { "-name", "" }, { "-name", "guest=" } },
        /* The second -name is the user's. */
        { { "-name", "a,b", "-name", "c,debug-threads=on" },
          { "-name", "guest=a,,b", "-name", "c,debug-threads=on" } },
        /* To QEMU a doubled comma is one comma, and does not end the value. */
        { { "-object", "secret,id=s,data=a,,file=/b" }, { "-object", "secret,id=s,data=a,,file=/b" } },
        { { "-append", "-initrd" }, { "-append", "-initrd" } },
        { { "" }, { "" } },
    };
    struct dm_extras extras = extras_plain();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = 0;

        assert_int_equal(scan(cases[i].in), 0);
        needs.restore_fd = 11;
        assert_int_equal(rewrite(&extras), 0);
        for (; cases[i].out[n]; n++)
            assert_string_equal(out.items[1 + n], cases[i].out[n]);
        assert_string_equal(out.items[1 + n], "-chardev");
    }
}

/* For every option with a rule: a good value, what becomes of it, and a value that is refused. */
#define SAME ""
#define FLAG ""
static const struct option_row {
    const char *option;
    const char *good;    /* NULL: no value is good */
    const char *becomes; /* NULL: the option is dropped */
    const char *bad;     /* NULL: none is refused; FLAG: the option has no value */
} option_rows[] = {
    { "-xen-domid", "7", SAME, NULL },
    { "-netdev", "hubport,id=h,hubid=0", SAME, "user,id=net0" },
    { "-net", "none", SAME, "user" },
    { "-nic", "none", SAME, "user" },
    { "-drive", "if=none,id=a", SAME, "file=/root/a" },
    { "-blockdev", "driver=null-co,node-name=a", SAME, "driver=file,filename=/root/a,node-name=a" },
    { "-hda", "/dev/xvda", SAME, "/root/a" },
    { "-hdb", "/dev/xvdb", SAME, "/dev/sdb" },
    { "-hdc", "/dev/xvdc", SAME, "/dev/xvd" },
    { "-hdd", "/dev/xvdd", SAME, "/dev/xvdaa" },
    { "-cdrom", "/dev/xvdz", SAME, "/root/a.iso" },
    { "-fda", "/dev/xvda", SAME, "/dev/fd0" },
    { "-fdb", "/dev/xvdb", SAME, "/dev/fd1" },
    { "-sd", "/dev/xvdb", SAME, "/root/a" },
    { "-mtdblock", "/dev/xvdb", SAME, "/root/a" },
    { "-pflash", "/dev/xvdb", SAME, "/root/a" },
    { "-serial", "null", SAME, "pty" },
    { "-parallel", "none", SAME, "/dev/parport0" },
    { "-debugcon", "stdio", SAME, "file:/root/a" },
    { "-chardev", "null,id=a", SAME, "socket,id=a,path=/root/a" },
    { "-monitor", "none", SAME, "stdio" },
    { "-qmp", "null", SAME, "unix:/root/a,server=on" },
    { "-qmp-pretty", "none", SAME, "stdio" },
    { "-qtest", "null", SAME, "stdio" },
    { "-gdb", "none", SAME, "tcp::1234" },
    { "-s", NULL, NULL, FLAG },
    { "-incoming", "defer", SAME, "tcp:0:4444" },
    { "-add-fd", NULL, NULL, "fd=3,set=2" },
    { "-kernel", "/boot/k", "/run/0", NULL },
    { "-initrd", "/boot/i", "/run/1", NULL },
    { "-bios", NULL, NULL, "bios.bin" },
    { "-dtb", NULL, NULL, "/root/a" },
    { "-option-rom", NULL, NULL, "/root/a" },
    { "-L", NULL, NULL, "/root" },
    { "-readconfig", NULL, NULL, "/root/a" },
    { "-mem-path", NULL, NULL, "/dev/hugepages" },
    { "-D", NULL, NULL, "/root/a" },
    { "-pidfile", NULL, NULL, "/root/a" },
    { "-plugin", NULL, NULL, "/root/a.so" },
    { "-dump-vmstate", NULL, NULL, "/root/a" },
    { "-boot", "order=c", SAME, "order=c,splash=/root/a.bmp" },
    { "-snapshot", NULL, NULL, FLAG },
    { "-loadvm", NULL, NULL, "before" },
    { "-fsdev", NULL, NULL, "local,id=a,path=/root" },
    { "-virtfs", NULL, NULL, "local,path=/root,mount_tag=a,security_model=none" },
    { "-tpmdev", NULL, NULL, "passthrough,id=a" },
    { "-object", "iothread,id=a", SAME, "memory-backend-file,id=a,mem-path=/dev/shm" },
    { "-fw_cfg", "name=opt/a,string=b", SAME, "name=opt/a,file=/root/a" },
    { "-smbios", "type=1,serial=1", SAME, "file=/root/a" },
    { "-acpitable", NULL, NULL, "file=/root/a" },
    { "-trace", "enable=xen_*", SAME, "enable=xen_*,file=/root/a" },
    { "-device", "VGA,vgamem_mb=16", SAME, "e1000,romfile=/root/a" },
    { "-usbdevice", "tablet", SAME, "host:1.2" },
    { "-display", "none", SAME, "gtk" },
    { "-sdl", NULL, NULL, FLAG },
    { "-curses", NULL, NULL, FLAG },
    { "-spice", NULL, NULL, "port=1" },
    { "-audiodev", "none,id=a", SAME, "alsa,id=a" },
    { "-audio", "none", SAME, "pa,model=hda" },
    { "-daemonize", NULL, NULL, FLAG },
    { "-xen-domid-restrict", FLAG, NULL, NULL },
    { "-runas", "xen-qemuuser:1", NULL, NULL },
    { "-chroot", "/var/run/xen/qemu-root-7", NULL, NULL },
    { "-run-with", "user=1:1", NULL, NULL },
    { "-no-acpi", FLAG, NULL, NULL },
    { "-machine", "pc,accel=xen", SAME, NULL },
    { "-vnc", "none", SAME, ":1" },
    { "-name", "web", "guest=web", NULL },
    { "-append", "-kernel", SAME, NULL },
};

static const struct option_row *find_row(const char *option)
{
    const struct option_row *found = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
        if (strcmp(option_rows[i].option, option))
            continue;
        if (found)
            fail_msg("%s has two rows", option);
        found = &option_rows[i];
    }
    if (!found)
        fail_msg("%s has a rule and no row here", option);
    return found;
}

/* An option of QEMU's own follows: it must not be taken for a value, nor the other way round. */
static void set_option(const char *option, const char *value)
{
    bool has_value = value && value[0];

    set_in((const char *const[]){ option, has_value ? value : "-next", has_value ? "-next" : NULL, NULL });
}

static void check_good(const struct option_row *row)
{
    const char *becomes = row->becomes && !row->becomes[0] ? row->good : row->becomes;
    struct dm_extras extras = extras_plain();
    size_t n = 1;

    set_option(row->option, row->good);
    if (dm_argv_scan(&in, &needs, error))
        fail_msg("%s %s: %s", row->option, row->good, error);
    strcpy(needs.files[DM_FILE_KERNEL].path, "/run/0");
    strcpy(needs.files[DM_FILE_INITRD].path, "/run/1");
    assert_int_equal(rewrite(&extras), 0);
    if (becomes) {
        assert_string_equal(out.items[n++], row->option);
        assert_string_equal(out.items[n++], becomes);
    }
    assert_string_equal(out.items[n++], "-next");
    assert_string_equal(out.items[n], "-chardev");
}

static void check_bad(const struct option_row *row, const struct rule *rule)
{
    char expected[DM_ERROR_MAX];

    set_option(row->option, row->bad);
    if (dm_argv_scan(&in, &needs, error) != -EINVAL)
        fail_msg("%s %s is not refused", row->option, row->bad);
    assert_non_null(rule->reason);
    snprintf(expected, sizeof(expected), "%s%s%s: %s", row->option, row->bad[0] ? " " : "", row->bad, rule->reason);
    assert_string_equal(error, expected);
}

static void every_option(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        const struct rule *rule = &rules[i];
        const struct option_row *row = find_row(rule->option);
        const char *value = row->good ? row->good : row->bad;

        /* There is one rule for each name. */
        assert_ptr_equal(find_rule(rule->option), rule);
        assert_int_equal(rule->has_value, value[0] != '\0');
        if (row->good)
            check_good(row);
        if (row->bad)
            check_bad(row, rule);
        /* Exactly the rules that can refuse have a reason. */
        assert_int_equal(rule->reason != NULL, row->bad != NULL);
        if (!rule->has_value)
            continue;
        set_in((const char *const[]){ rule->option, NULL });
        assert_int_equal(dm_argv_scan(&in, &needs, error), -EINVAL);
        assert_non_null(strstr(error, "its value is missing"));
    }
    assert_int_equal(ARRAY_SIZE(option_rows), ARRAY_SIZE(rules));
}

/* libxl's options for channel= are left to dom0's daemon. Other chardevs are not. */
static void channels_are_not_for_qemu(void **state)
{
    struct dm_extras extras = extras_plain();

    assert_int_equal(scan((const char *const[]){ "-chardev", "pty,id=libxl-channel1", "-chardev",
                                                 "socket,id=libxl-channel2,path=/run/a,server=on,wait=off",
                                                 "-chardev", "null,id=libxl-channel3", NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    assert_string_equal(out.items[1], "-chardev");
    assert_string_equal(out.items[2], "null,id=libxl-channel3");
    for (size_t i = 0; i < out.count; i++)
        assert_null(strstr(out.items[i], "libxl-channel1"));
    for (size_t i = 0; i < out.count; i++)
        assert_null(strstr(out.items[i], "/run/a"));
    assert_int_equal(scan((const char *const[]){ "-chardev", "socket,id=a,path=/libxl-channel1", NULL }), -EINVAL);
}

static void restore_is_noticed(void **state)
{
    assert_int_equal(scan((const char *const[]){ "-incoming", "$STUBDOM_RESTORE_INCOMING_ARG",
                                                 NULL }), 0);
    assert_true(needs.restore);
    assert_int_equal(scan((const char *const[]){ "-incoming", "defer", NULL }), 0);
    assert_false(needs.restore);
}

static void refused(void **state)
{
    static const struct {
        const char *in[5], *reason;
    } cases[] = {
        { { "-kernel", "/a", "-kernel", "/b" }, "-kernel /b: given twice, the other one is /a" },
        { { "-serial", "/dev/hvcx" }, "-serial /dev/hvcx: nobody can reach it" },
        { { "-serial", "pty" }, "nobody can reach it" },
        { { "-chardev", "file,id=a,path=/a" }, "nobody can reach it" },
        { { "-chardev", "stdioo,id=a" }, "nobody can reach it" },
        { { "-monitor", "stdio" }, "xl qemu-monitor-command" },
        { { "-netdev", "user,id=n0" }, "no network of its own" },
        { { "-netdev", "type=tap,id=mine,ifname=x" }, "no network of its own" },
        { { "-netdev", "type=tap" }, "no network of its own" },
        { { "-netdev", "type=tap,id=net99999" }, "no network of its own" },
        { { "-nic", "user" }, "no network of its own" },
        { { "-drive", "file=/dev/xvdaa,if=ide" }, "file of dom0" },
        { { "-drive", "if=none,id=a,file=/root/stick.img" }, "file of dom0" },
        { { "-drive", "if=none,file=/dev/xvdb,,c" }, "file of dom0" },
        { { "-object", "secret,id=a,,b,file=/c" }, "file of dom0" },
        { { "-object", "secret,id=a,,,file=/c" }, "file of dom0" },
        { { "--drive", "file=/root/stick.img" }, "-drive file=/root/stick.img: a file of dom0" },
        { { "-blockdev", "driver=file,filename=/x,node-name=a" }, "file of dom0" },
        { { "-blockdev", "driver=raw,file.filename=/x,node-name=a" }, "file of dom0" },
        { { "-drive", "if=none,id=a,driver=raw,file.filename=/root/a" }, "file of dom0" },
        { { "-hda", "/dev/xvd" }, "file of dom0" },
        { { "-boot", "order=c,splash=/root/a.bmp" }, "file of dom0" },
        { { "-object", "input-linux,id=i,evdev=/dev/input/event0" }, "file of dom0" },
        { { "-add-fd", "fd=3,set=2" }, "an open file" },
        { { "-snapshot" }, "no place" },
        { { "-loadvm", "before" }, "xl save" },
        { { "-bios", "/usr/share/bios.bin" }, "bios= in the config" },
        { { "-device", "e1000,romfile=/a/rom" }, "file of dom0" },
        { { "-device", "e1000,id=nic9,netdev=net9,romfile=/a/rom" }, "file of dom0" },
        { { "-device", "usb-host,vendorid=1" }, "device of dom0's" },
        { { "-usbdevice", "host:1.2" }, "can emulate" },
        { { "-usbdevice", "tabletop" }, "can emulate" },
        { { "-vnc", ":1" }, "vncdisplay= are served by dom0" },
        { { "-display", "gtk" }, "no screen" },
        { { "-spice", "port=1" }, "SPICE is not" },
        { { "-audiodev", "wav,id=a" }, "no sound" },
        { { "-daemonize" }, "ends when" },
        { { "-incoming", "tcp:0:4444" }, "nobody can reach it" },
        { { "-fw_cfg", "name=opt/x,file=/etc/shadow" }, "file of dom0" },
        { { "-netdev" }, "-netdev: its value is missing" },
        { { "-netdev", "type=tap,id=net1", "-netdev", "type=tap,id=net1" }, "given twice" },
        { { "-drive", "file=/dev/xvdb,if=ide", "-drive", "file=/dev/xvdb,if=none" },
          "/dev/xvdb is given twice; hdb and sdb are the same disk here" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(scan(cases[i].in), -EINVAL);
        assert_non_null(strstr(error, cases[i].reason));
    }
}

static void wrong_guest(void **state)
{
    static const char *const wrong[] = { "8", "07x", "", "-1", "65543", "99999999999999999999" };
    struct dm_extras extras = extras_plain();

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(scan((const char *const[]){ "-xen-domid", wrong[i], NULL }), 0);
        assert_int_equal(rewrite(&extras), -EINVAL);
        assert_non_null(strstr(error, "this stub domain is for guest 7"));
    }
}

static void too_many(void **state)
{
    char text[64];

    str_list_dispose(&in);
    for (int i = 0; i <= DM_MAX_NICS; i++) {
        snprintf(text, sizeof(text), "type=tap,id=net%d", i);
        assert_int_equal(str_list_add(&in, "-netdev"), 0);
        assert_int_equal(str_list_add(&in, text), 0);
    }
    assert_int_equal(dm_argv_scan(&in, &needs, error), -EINVAL);
    assert_non_null(strstr(error, "NICs"));

    str_list_dispose(&in);
    for (int i = 0; i <= DM_MAX_SERIALS; i++) {
        snprintf(text, sizeof(text), "/dev/hvc%d", i + 3);
        assert_int_equal(str_list_add(&in, "-serial"), 0);
        assert_int_equal(str_list_add(&in, text), 0);
    }
    assert_int_equal(dm_argv_scan(&in, &needs, error), -EINVAL);
    assert_non_null(strstr(error, "serial ports"));
}

/* Xen has memory for the boot ROMs of a few NICs only. */
static void many_nics(void **state)
{
    struct dm_extras extras = extras_plain();
    char text[80], expected[96];

    str_list_dispose(&in);
    for (int i = 0; i < DM_MAX_NICS; i++) {
        snprintf(text, sizeof(text), "e1000,id=nic%d,netdev=net%d,mac=00:16:3e:00:00:%02x", i, i, i);
        assert_int_equal(str_list_add(&in, "-device"), 0);
        assert_int_equal(str_list_add(&in, text), 0);
        /* A NIC of the user's own stays unchanged, and does not count. */
        assert_int_equal(str_list_add(&in, "-device"), 0);
        assert_int_equal(str_list_add(&in, "e1000,id=mine,netdev=hub"), 0);
    }
    assert_int_equal(dm_argv_scan(&in, &needs, error), 0);
    assert_int_equal(rewrite(&extras), 0);
    for (int i = 0; i < DM_MAX_NICS; i++) {
        snprintf(expected, sizeof(expected), "e1000,id=nic%d,netdev=net%d,mac=00:16:3e:00:00:%02x%s", i,
                 i, i, i < 4 ? "" : ",romfile=");
        assert_string_equal(out.items[2 + 4 * i], expected);
        assert_string_equal(out.items[4 + 4 * i], "e1000,id=mine,netdev=hub");
    }
}

/* A rewrite without the caller's answers fails. */
static void unanswered(void **state)
{
    struct dm_extras extras = extras_plain();

    assert_int_equal(scan(usual), 0);
    needs.nic_count = 0;
    strcpy(needs.serials[0].chardev, "/dev/hvc3");
    assert_int_equal(rewrite(&extras), -EINVAL);
    assert_non_null(strstr(error, "no NIC 0"));

    assert_int_equal(scan(usual), 0);
    strcpy(needs.nics[0].backend, "tap,fd=9");
    needs.serial_count = 0;
    assert_int_equal(rewrite(&extras), -EINVAL);
    assert_non_null(strstr(error, "no such console"));
}

static void everything_added(void **state)
{
    static const char *const expected[] = {
        "/usr/bin/qemu", "-chardev", "socket,id=stubdom-qmp,path=/run/qmp,server=on,wait=off",
        "-mon", "chardev=stubdom-qmp,mode=control", "-chardev",
        "socket,id=stubdom-own,fd=6", "-mon", "chardev=stubdom-own,mode=control",
        "-xen-domid-restrict", "-vnc", "unix:/run/vnc", "-add-fd",
        "fd=5,set=1,opaque=save", "-object", "main-loop,id=m", NULL
    };
    static const char *const flavours_own[] = { "-object", "main-loop,id=m", NULL };
    struct dm_extras extras = extras_plain();

    extras.options = flavours_own;

    extras.own_qmp_fd = 6;
    extras.vnc_path = "/run/vnc";
    extras.save_fd = 5;
    assert_int_equal(scan((const char *const[]){ NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    assert_out(expected);
}

/* The options for a disk depend on the flavour. */
static void other_disk_options(void **state)
{
    struct dm_extras extras = extras_plain();

    extras.disk_options = "cache=writeback,aio=threads";
    assert_int_equal(scan((const char *const[]){ "-drive", "file=/dev/xvda,if=ide,cache=writeback", NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    assert_string_equal(out.items[2], "file=/dev/xvda,if=ide,cache=writeback,aio=threads");
}

/* A -vnc of the user's own stays. */
static void own_vnc(void **state)
{
    struct dm_extras extras = extras_plain();

    extras.vnc_path = "/run/vnc";
    assert_int_equal(scan((const char *const[]){ "-vnc", "none", NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    for (size_t i = 0; i < out.count; i++)
        assert_null(strstr(out.items[i], "/run/vnc"));
}

/* The files' paths are known only after they were fetched. */
static void boot_files(void **state)
{
    static const char *const in_args[] = { "-kernel", "/boot/k", "-initrd", "/boot/i", "-append",
                                           "a b", NULL };
    static const char *const expected[] = { "/usr/bin/qemu", "-kernel", "/run/0", "-initrd",
                                            "/run/1", "-append", "a b" };
    struct dm_extras extras = extras_plain();

    assert_int_equal(scan(in_args), 0);
    assert_string_equal(needs.files[DM_FILE_KERNEL].name, "/boot/k");
    assert_string_equal(needs.files[DM_FILE_INITRD].name, "/boot/i");
    assert_int_equal(rewrite(&extras), -EINVAL);
    assert_non_null(strstr(error, "-kernel /boot/k: it has not been fetched"));
    strcpy(needs.files[DM_FILE_KERNEL].path, "/run/0");
    strcpy(needs.files[DM_FILE_INITRD].path, "/run/1");
    assert_int_equal(rewrite(&extras), 0);
    for (size_t n = 0; n < ARRAY_LEN(expected); n++)
        assert_string_equal(out.items[n], expected[n]);
}

static bool has_audio(void)
{
    for (size_t i = 0; i + 1 < out.count; i++)
        if (!strcmp(out.items[i], "-audio"))
            return !strcmp(out.items[i + 1], "none");
    return false;
}

/* libxl gives sound cards no audio backend. A card with the user's own backend stays unchanged. */
static void sound_gets_a_backend(void **state)
{
    static const char *const cards[] = { "ac97", "es1370", "sb16", "hda-duplex", "adlib" };
    struct dm_extras extras = extras_plain();

    for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
        assert_int_equal(scan((const char *const[]){ "-device", cards[i], NULL }), 0);
        assert_int_equal(rewrite(&extras), 0);
        assert_true(has_audio());
    }
    assert_int_equal(scan((const char *const[]){ "-device", "VGA", NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    assert_false(has_audio());
    assert_int_equal(scan((const char *const[]){ "-device", "ac97,audiodev=a", "-audiodev",
                                                 "none,id=a", NULL }), 0);
    assert_int_equal(rewrite(&extras), 0);
    assert_false(has_audio());
}

/* Options with a setting of their own in the guest's config are refused in device_model_args=. */
static void extras_of_the_user(void **state)
{
    static const struct {
        const char *in[5], *reason; /* NULL: all right */
    } cases[] = {
        { { "-device", "usb-storage,drive=s", "-drive", "file=/dev/xvdb,if=none,id=s" }, NULL },
        { { "-kernel", "/boot/k" }, "say kernel = in the config" },
        { { "-initrd", "/boot/i" }, "say ramdisk = in the config" },
        { { "-netdev", "type=tap,id=net0" }, "vif= in the config" },
        { { "-serial", "/dev/hvc3" }, "serial= in the config" },
        { { "-chardev", "pty,id=libxl-channel1" }, "channel= in the config" },
        { { "-drive", "file=/root/x" }, "file of dom0" },
        { { "-xen-domid", "5" }, "-xen-domid: this is the toolstack's" },
        { { "--xen-domid", "5" }, "-xen-domid: this is the toolstack's" },
        { { "-device", "e1000", "-vnc", ":9" }, "-vnc: this is the toolstack's" },
        { { "-S" }, "-S: this is the toolstack's" },
        { { "-xen-attach" }, "-xen-attach: this is the toolstack's" },
        { { "-machine", "none,accel=xen" }, "-machine none,accel=xen: this is the toolstack's" },
        { { "-machine", "smm=off" }, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_in(cases[i].in);
        assert_int_equal(dm_argv_check_extras(&in, error), cases[i].reason ? -EINVAL : 0);
        if (cases[i].reason)
            assert_non_null(strstr(error, cases[i].reason));
    }
    str_list_dispose(&in);
    assert_int_equal(dm_argv_check_extras(&in, error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(usual_guest, dispose),
        cmocka_unit_test_teardown(each_rule, dispose),
        cmocka_unit_test_teardown(every_option, dispose),
        cmocka_unit_test_teardown(channels_are_not_for_qemu, dispose),
        cmocka_unit_test_teardown(restore_is_noticed, dispose),
        cmocka_unit_test_teardown(refused, dispose),
        cmocka_unit_test_teardown(wrong_guest, dispose),
        cmocka_unit_test_teardown(too_many, dispose),
        cmocka_unit_test_teardown(many_nics, dispose),
        cmocka_unit_test_teardown(unanswered, dispose),
        cmocka_unit_test_teardown(everything_added, dispose),
        cmocka_unit_test_teardown(other_disk_options, dispose),
        cmocka_unit_test_teardown(own_vnc, dispose),
        cmocka_unit_test_teardown(boot_files, dispose),
        cmocka_unit_test_teardown(sound_gets_a_backend, dispose),
        cmocka_unit_test_teardown(extras_of_the_user, dispose),
    };

    return cmocka_run_group_tests_name("dm-argv", tests, NULL, NULL);
}
