/*
 * vif: one vif, as libxl and xenstore describe it. See vif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vif.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "xs-read.h"

#define DOMID_MAX 0x7fef /* Xen's DOMID_FIRST_RESERVED less one */
#define DEVID_MAX 0xffff
#define MTU_MAX 65535

int vif_init(struct vif *vif, struct hotplug *hotplug, int argc, char **argv)
{
    int rc;

    memset(vif, 0, sizeof(*vif));
    vif->action = VIF_OTHER;
    if (argc < 2)
        return -EINVAL;
    if (argc == 3 && !strcmp(argv[2], "type_if=vif"))
        vif->action = !strcmp(argv[1], "online") ? VIF_ONLINE :
                      !strcmp(argv[1], "offline") ? VIF_OFFLINE : VIF_OTHER;
    hotplug->device = getenv("vif");
    if (!hotplug->device || !*hotplug->device || strchr(hotplug->device, '/'))
        return -EINVAL;
    rc = hotplug_parse_path(hotplug, "vif");
    return rc || hotplug->devid <= DEVID_MAX ? rc : -EINVAL;
}

static int read_mtu(struct vif *vif, const struct hotplug *hotplug)
{
    cleanup_free char *text = NULL;
    int rc = hotplug_read(hotplug, "mtu", &text);

    return rc || !text || !*text ? rc : parse_uint(text, MTU_MAX, &vif->mtu);
}

/* The stub domain whose vif it is, or which the guest has. *stub 0: none. */
static int find_stub_domain(const struct hotplug *hotplug, unsigned int *stub)
{
    cleanup_free char *target = NULL, *model = NULL;
    int rc = hotplug_read_path(hotplug->xs, &target, "/local/domain/%u/target", hotplug->domid);

    *stub = target ? hotplug->domid : 0;
    if (rc || target)
        return rc;
    rc = hotplug_read_path(hotplug->xs, &model, "/local/domain/%u/image/device-model-domid", hotplug->domid);
    return rc || !model ? rc : parse_uint(model, DOMID_MAX, stub);
}

/* One of the words of the stub domain's kernel command line, which libxl notes. */
static bool is_off(const char *cmdline)
{
    static const char word[] = "stubdom.firewall=0";

    for (const char *p = cmdline; (p = strstr(p, word)); p++)
        if ((p == cmdline || p[-1] == ' ') && strchr(" ", p[strlen(word)]))
            return true;
    return false;
}

static int read_firewall(struct vif *vif, const struct hotplug *hotplug)
{
    cleanup_free char *vm = NULL, *cmdline = NULL;
    unsigned int stub = 0;
    int rc = find_stub_domain(hotplug, &stub);

    if (rc || !stub)
        return rc;
    rc = hotplug_read_path(hotplug->xs, &vm, "/local/domain/%u/vm", stub);
    if (!rc && vm)
        rc = hotplug_read_path(hotplug->xs, &cmdline, "%s/image/cmdline", vm);
    vif->firewall = !cmdline || !is_off(cmdline);
    return rc;
}

int vif_read(struct vif *vif, const struct hotplug *hotplug)
{
    const struct {
        const char *node;
        char **value;
    } texts[] = {
        { "vifname", &vif->name }, { "bridge", &vif->bridge }, { "mac", &vif->mac },
        { "ip", &vif->ip }, { "forwarddev", &vif->script },
    };
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(texts) && !rc; i++)
        rc = hotplug_read(hotplug, texts[i].node, texts[i].value);
    if (!rc)
        rc = read_mtu(vif, hotplug);
    return rc ? rc : read_firewall(vif, hotplug);
}

void vif_dispose(struct vif *vif)
{
    free(vif->name);
    free(vif->bridge);
    free(vif->mac);
    free(vif->ip);
    free(vif->script);
    vif->name = vif->bridge = vif->mac = vif->ip = vif->script = NULL;
}

int vif_rules(const struct vif *vif, struct frame_filter_rules *rules)
{
    return vif->mac ? frame_filter_rules_init(rules, vif->mac, vif->ip) : -EINVAL;
}
