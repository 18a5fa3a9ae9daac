/* manual.h - the manual page and the shells' completions, made from the tables of commands and keys. */
#ifndef SS_CMD_MANUAL_H
#define SS_CMD_MANUAL_H

#include "cmd/command.h"

void ss_manual(const struct ss_command *const *commands, size_t n, struct ss_text *out);

void ss_completion_bash(const struct ss_command *const *commands, size_t n, struct ss_text *out);
void ss_completion_zsh(const struct ss_command *const *commands, size_t n, struct ss_text *out);
void ss_completion_fish(const struct ss_command *const *commands, size_t n, struct ss_text *out);

#endif
