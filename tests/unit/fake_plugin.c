#include "fake_plugin.h"

#include "libyoutu/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resident {
    char unused;
};

static fake_plugin_record record;
static backend table;

static bool behaves(const char *how) {
    const char *asked = getenv("FAKE_PLUGIN");
    return asked && strcmp(asked, how) == 0;
}

static youtu_status fake_attach(const attach_request *request, resident **out, device_facts *facts,
                                youtu_error *error) {
    record.request = *request;
    if (!behaves("works")) return youtu_fail(error, YOUTU_E_DEVICE, FAKE_PLUGIN_REFUSAL);
    *out = calloc(1, sizeof **out);
    if (!*out) return youtu_fail_memory(error, "a resident", sizeof **out);
    snprintf(facts->label, sizeof facts->label, FAKE_PLUGIN_LABEL);
    record.attached++;
    return YOUTU_OK;
}

static void fake_detach(resident *r) {
    free(r);
    record.detached++;
}

static youtu_status fake_open(const device_config *config, device **out, youtu_error *error) {
    const backend *cpu;
    const char *label;
    youtu_status status = backend_cpu(config->instructions, &cpu, &label, error);
    if (status != YOUTU_OK) return status;
    record.opened++;
    record.opened_with = config->resident;
    return cpu->open(config, out, error);
}

fake_plugin_record *fake_plugin_calls(void) {
    return &record;
}

const youtu_plugin *youtu_cuda_plugin(void) {
    static youtu_plugin plugin;
    const backend *cpu;
    const char *label;
    if (backend_cpu(NULL, &cpu, &label, NULL) == YOUTU_OK) table = *cpu;
    table.name = "fake";
    table.is_adaptable = false; /* as CUDA */
    table.attach = fake_attach;
    table.detach = fake_detach;
    table.open = fake_open;
    plugin = (youtu_plugin){VERSION_TEXT, sizeof(backend), &table};
    if (behaves("old")) plugin.version = "0.0.1";
    if (behaves("other")) plugin.backend_size -= sizeof(void *);
    return &plugin;
}
