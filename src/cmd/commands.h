/* commands.h - the commands, one file each. */
#ifndef SS_CMD_COMMANDS_H
#define SS_CMD_COMMANDS_H

#include "cmd/command.h"

extern const struct ss_command ss_command_run;
extern const struct ss_command ss_command_check;
extern const struct ss_command ss_command_resume;
extern const struct ss_command ss_command_sweep;
extern const struct ss_command ss_command_report;
extern const struct ss_command ss_command_evaluate;
extern const struct ss_command ss_command_score;
extern const struct ss_command ss_command_sample;
extern const struct ss_command ss_command_denoise;
extern const struct ss_command ss_command_plot;
extern const struct ss_command ss_command_loss;
extern const struct ss_command ss_command_import;
extern const struct ss_command ss_command_gradcheck;
extern const struct ss_command ss_command_devices;
extern const struct ss_command ss_command_selftest;
extern const struct ss_command ss_command_tune;
extern const struct ss_command ss_command_bench;
extern const struct ss_command ss_command_schema;
extern const struct ss_command ss_command_study;
extern const struct ss_command ss_command_version;

#endif
