/* manager/names.h - the words of names.def as C enums: MGR_STATE_IDLE, MGR_EVENT_TICK, MGR_COMMAND_OPEN ... */
#ifndef MANAGER_NAMES_H
#define MANAGER_NAMES_H

#define MGR_STATE(name, value, text) MGR_STATE_##name = value,
typedef enum mgr_state {
#include "manager/names.def"
} mgr_state;
#undef MGR_STATE
#define MGR_REASON(name, value, text) MGR_REASON_##name = value,
typedef enum mgr_reason {
#include "manager/names.def"
} mgr_reason;
#undef MGR_REASON
#define MGR_RUNG(name, value, text) MGR_RUNG_##name = value,
typedef enum mgr_rung {
#include "manager/names.def"
} mgr_rung;
#undef MGR_RUNG
#define MGR_ROUTE(name, value, text) MGR_ROUTE_##name = value,
typedef enum mgr_route {
#include "manager/names.def"
} mgr_route;
#undef MGR_ROUTE
#define MGR_TURN(name, value, text) MGR_TURN_##name = value,
typedef enum mgr_turn_state {
#include "manager/names.def"
} mgr_turn_state;
#undef MGR_TURN
#define MGR_MODE(name, value, text) MGR_MODE_##name = value,
typedef enum mgr_mode {
#include "manager/names.def"
} mgr_mode;
#undef MGR_MODE
#define MGR_MIC(name, value, text) MGR_MIC_##name = value,
typedef enum mgr_mic {
#include "manager/names.def"
} mgr_mic;
#undef MGR_MIC
#define MGR_LEVEL(name, value, text) MGR_LEVEL_##name = value,
typedef enum mgr_level {
#include "manager/names.def"
} mgr_level;
#undef MGR_LEVEL
#define MGR_ISSUE(name, value, text) MGR_ISSUE_##name = value,
typedef enum mgr_issue {
#include "manager/names.def"
} mgr_issue;
#undef MGR_ISSUE
#define MGR_NOTICE(name, value, text) MGR_NOTICE_##name = value,
typedef enum mgr_notice {
#include "manager/names.def"
} mgr_notice;
#undef MGR_NOTICE
#define MGR_PHASE(name, value, text) MGR_PHASE_##name = value,
typedef enum mgr_phase {
#include "manager/names.def"
  MGR_N_PHASES
} mgr_phase;
#undef MGR_PHASE
#define MGR_EVENT(name, value, text) MGR_EVENT_##name = value,
typedef enum mgr_event_kind {
#include "manager/names.def"
  MGR_N_EVENTS
} mgr_event_kind;
#undef MGR_EVENT
#define MGR_COMMAND(name, value, text) MGR_COMMAND_##name = value,
typedef enum mgr_command_kind {
#include "manager/names.def"
} mgr_command_kind;
#undef MGR_COMMAND

#endif
