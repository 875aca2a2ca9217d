/* A plugin without a card: its backend is the CPU's, with a count of what is attached. The environment
 * variable FAKE_PLUGIN says how it behaves: "works", "old" (another version), "other" (another table); else
 * it finds no card, which is what tests see that do not ask for it. */
#ifndef FAKE_PLUGIN_H
#define FAKE_PLUGIN_H

#include "libyoutu/plugin.h"

#define FAKE_PLUGIN_LABEL "fake:1 (no card at all)"
#define FAKE_PLUGIN_REFUSAL "there is no card, this is a test"

typedef struct fake_plugin_record {
    int attached, detached, opened;
    attach_request request; /* the last one */
    const resident *opened_with;
} fake_plugin_record;

/* What the plugin exports besides youtu_cuda_plugin. */
YOUTU_API fake_plugin_record *fake_plugin_calls(void);

#endif
