/* caller/commands.c - the manager's commands, carried out. See caller.h for those that mean nothing here. */
#include <string.h>

#include "caller/caller_state.h"

static void broken(caller *c, uint32_t link) {
  caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_BROKEN, .link = link});
}

/* A free slot; of two that are taken, one that is only saying goodbye gives way. */
static caller_link *free_slot(caller *c) {
  for (size_t i = 0; i < N_LINKS; i++)
    if (!c->link[i].number) return &c->link[i];
  for (size_t i = 0; i < N_LINKS; i++) {
    if (!c->link[i].closing) continue;
    caller_wipe_link(&c->link[i]);
    return &c->link[i];
  }
  return NULL;
}

static void open_link(caller *c, uint32_t number) {
  caller_link *link = free_slot(c);
  if (!link) {
    broken(c, number);
    return;
  }
  link->number = number;
  link->wants_bind = true;
}

/* The network may be another by now: addresses are asked for anew. */
static void restart_link(caller *c, const mgr_command *command) {
  caller_link *link = caller_link_of(c, command->link);
  if (!link || !link->conn || !link->location[0] || wr_conn_get_state(link->conn) == WR_CONN_CLOSED) {
    broken(c, command->link);
    return;
  }
  link->restart_number = command->request;
  link->wants_bind = true;
}

static void close_link(caller *c, const mgr_command *command, wr_time now) {
  caller_link *link = caller_link_of(c, command->link);
  if (!link) return;
  if (link->conn) wr_conn_close(link->conn, now);
  if (command->value && link->location[0]) caller_ask(c, REQUEST_DELETE, 0, 0, false, link->location);
  link->closing = true;
  link->wants_bind = false;
  link->sample_at = 0;
}

static void attach(caller *c, const mgr_command *command) {
  if (command->value)
    c->attached_link = command->link;
  else if (c->attached_link == command->link)
    c->attached_link = 0;
}

static bool pass_on(const mgr_command *command, caller_out *out) {
  *out = (caller_out){.kind = CALLER_OUT_COMMAND, .link = command->link, .command = *command};
  return true;
}

bool caller_obey(caller *c, const mgr_command *command, caller_out *out, wr_time now) {
  caller_link *link = caller_link_of(c, command->link);
  switch ((mgr_command_kind)command->kind) {
    case MGR_COMMAND_FETCH_SERVERS:
      if (c->settings.fetch_servers)
        caller_ask(c, REQUEST_SERVERS, command->request, 0, false, "/api/ice");
      else
        caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_SERVERS, .request = command->request});
      return false;
    case MGR_COMMAND_OPEN: open_link(c, command->link); return false;
    case MGR_COMMAND_OFFER:
      caller_ask(c, REQUEST_OFFER, command->request, command->link, command->rung == MGR_RUNG_RESUME,
                 c->settings.offer_path);
      return false;
    case MGR_COMMAND_RESTART: restart_link(c, command); return false;
    case MGR_COMMAND_REOPEN_CHANNEL:
      if (link) caller_open_channel(c, link, now);
      return false;
    case MGR_COMMAND_CLOSE: close_link(c, command, now); return false;
    case MGR_COMMAND_ATTACH: attach(c, command); return false;
    case MGR_COMMAND_PING:
    case MGR_COMMAND_SAY_LISTEN:
    case MGR_COMMAND_SAY_STOP:
    case MGR_COMMAND_SAY_ABORT:
    case MGR_COMMAND_SAY_TEXT: caller_say_command(c, command, now); return false;
    case MGR_COMMAND_SAMPLE:
      if (link && link->sample_at) link->sample_at = now;
      return false;
    case MGR_COMMAND_TRICKLE:
      if (link && link->location[0] && (link->n_lines || link->gathered))
        caller_ask(c, REQUEST_TRICKLE, 0, link->number, false, link->location);
      return false;
    case MGR_COMMAND_CARRY: /* it has nothing but WebRTC */
    case MGR_COMMAND_LEAVE:
    case MGR_COMMAND_USE_SERVERS: return false;
    case MGR_COMMAND_TELL_TEXT: c->n_texts_done = command->value; return pass_on(command, out);
    case MGR_COMMAND_MIC_LIVE: c->mic_live = command->value != 0; return pass_on(command, out);
    case MGR_COMMAND_ASK_MICROPHONE:
    case MGR_COMMAND_RELEASE_MICROPHONE:
    case MGR_COMMAND_HUSH:
    case MGR_COMMAND_SENDER:
    case MGR_COMMAND_TELL_STATE:
    case MGR_COMMAND_TELL_TURN:
    case MGR_COMMAND_TELL_QUALITY:
    case MGR_COMMAND_TELL_ISSUES:
    case MGR_COMMAND_TELL_NOTICE:
    case MGR_COMMAND_TELL_TIMELINE:
    case MGR_COMMAND_TELL_RECOVERED:
    case MGR_COMMAND_CLEAR_NOTICE: return pass_on(command, out);
  }
  return false;
}
