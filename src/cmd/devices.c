#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cmd/commands.h"
#include "run/setting.h"

static const char *const types[] = {[SS_DEVICE_GPU_DISCRETE] = "discrete GPU",
                                    [SS_DEVICE_GPU_INTEGRATED] = "integrated GPU",
                                    [SS_DEVICE_ACCELERATOR] = "accelerator",
                                    [SS_DEVICE_CPU] = "CPU"};

static void add_json(const struct ss_device_list *l, size_t chosen, struct ss_text *t)
{
    char place[48];

    ss_json_open(t, NULL, '{');
    ss_json_open(t, "devices", '[');
    for (size_t i = 0; i < l->count; i++) {
        const struct ss_device_info *const d = &l->items[i];
        snprintf(place, sizeof(place), "%zu:%zu", d->platform, d->index);
        ss_json_open(t, NULL, '{');
        ss_json_text(t, "id", place);
        ss_json_text(t, "platform", d->platform_name);
        ss_json_text(t, "name", d->name);
        ss_json_text(t, "vendor", d->vendor);
        ss_json_text(t, "type", types[d->type]);
        ss_json_integer(t, "memory", (long long)d->memory);
        ss_json_integer(t, "max_allocation", (long long)d->max_allocation);
        ss_json_integer(t, "local_memory", (long long)d->local_memory);
        ss_json_integer(t, "compute_units", d->compute_units);
        ss_json_integer(t, "clock_mhz", d->clock_mhz);
        ss_json_text(t, "driver", d->driver);
        ss_json_text(t, "version", d->version);
        ss_json_bool(t, "fp64", d->fp64);
        ss_json_bool(t, "fp16", d->fp16);
        ss_json_bool(t, "unfinished", d->unfinished);
        ss_json_text(t, "remark", d->remark);
        ss_json_bool(t, "default", i == chosen);
        ss_json_close(t, '}');
    }
    ss_json_close(t, ']');
    ss_json_text(t, "reason", l->reason);
    ss_json_close(t, '}');
    ss_text_add(t, "\n");
}

static void add_people(const struct ss_device_list *l, size_t chosen, struct ss_text *t)
{
    char memory[32], most[32];

    for (size_t i = 0; i < l->count; i++) {
        const struct ss_device_info *const d = &l->items[i];
        ss_bytes_text(d->memory, memory);
        ss_bytes_text(d->max_allocation, most);
        ss_text_addf(t, "%s %zu:%zu  %s\n", i == chosen ? "*" : " ", d->platform, d->index, d->name);
        ss_text_addf(t, "       %s on %s, driver %s\n", types[d->type], d->platform_name, d->driver);
        ss_text_addf(t, "       memory %s, at most %s at once; %u compute units; %s, %s\n", memory, most,
                     d->compute_units, d->fp64 ? "fp64" : "no fp64", d->fp16 ? "fp16" : "no fp16");
        if (*d->remark)
            ss_text_addf(t, "       %s\n", d->remark);
    }
    ss_text_addf(t, "\n* the default%s%s\n", *l->reason ? ": " : "", l->reason);
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const environment = getenv("SLICESCORE_DEVICE");
    struct ss_device_list l = {0};
    struct ss_text t;
    size_t chosen = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    ss_log_phase(in->log, "asking the OpenCL drivers");
    TRY(ss_device_list_make(&l));
    ss_log_phase(in->log, NULL);
    chosen = l.count ? l.chosen : 0;
    const char *const choice = in->device ? in->device : environment && *environment ? environment : NULL;
    if (!l.count || choice)
        TRY(ss_device_list_find(&l, choice, &chosen)); /* no device: says which package to install */
    if (in->json)
        add_json(&l, chosen, &t);
    else
        add_people(&l, chosen, &t);
    TRY(ss_text_status(&t));
    ss_print(t.data);
out:
    ss_device_list_release(&l);
    ss_text_release(&t);
    return st;
}

const struct ss_command ss_command_devices = {
    .name = "devices",
    .words = "",
    .summary = "List the OpenCL devices and tell which is the default, and why",
    .details = "With --device or SLICESCORE_DEVICE the mark is on the device that these choose.",
    .device = true,
    .json = true,
    .run = run};
