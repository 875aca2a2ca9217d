/* The rotary settings of config.json: "rope_parameters", or "rope_scaling" with "rope_theta" beside it. */
#ifndef YOUTU_ROPE_CONFIG_H
#define YOUTU_ROPE_CONFIG_H

#include "config.h"
#include "json.h"

/* Fills config->rope; config->max_positions is read before. Refused: a rope_type other than "default" and
 * "yarn", a partial rotation, an unknown setting, two places that contradict each other. Errors: FORMAT,
 * UNSUPPORTED. */
youtu_status rope_config_read(const json *document, model_config *config, youtu_error *error);

#endif
