/* Operations that are not about data: keys, public documents, bearer tokens, the gateway itself.
 * One handler per route. */
#ifndef HSMGATE_GATEWAY_OPS_CORE_OPS_H
#define HSMGATE_GATEWAY_OPS_CORE_OPS_H

#include "gateway/pipeline.h"

/* keys.c */
route_handler op_key_create, op_key_list, op_key_get, op_key_update, op_key_rotate;
/* moves.c */
route_handler op_key_move;
/* plans.c */
route_handler op_key_plan, op_calendar, op_key_retire_check;
/* inventory.c */
route_handler op_inventory;
/* backups.c */
route_handler op_backup_start, op_backup_get, op_backup_list;
/* clocks.c */
route_handler op_clock, op_clock_accept;
/* break_glass.c, break_glass_vote.c, break_glass_open.c, evidence.c */
route_handler op_break_glass_ask, op_break_glass_list, op_break_glass_get, op_break_glass_cancel;
route_handler op_break_glass_vote, op_break_glass_open, op_break_glass_evidence;
/* rosters.c */
route_handler op_roster_get, op_roster_publish, op_roster_report;
/* freeze.c */
route_handler op_key_freeze;
/* public.c */
route_handler op_key_public, op_jwks, op_oidc;
/* bearers.c */
route_handler op_access_key_create; /* access_keys.c */
route_handler op_bearer_create, op_bearer_list, op_bearer_delete, op_whoami;
/* grants.c, grants_list.c, grants_apply.c, authorize.c */
route_handler op_grant_put, op_grant_get, op_grant_delete, op_grant_list, op_grants_apply;
route_handler op_authorize;
/* system.c */
route_handler op_tokens, op_version, op_openapi;
/* health.c */
route_handler op_healthz, op_readyz, op_metrics;
/* lint.c */
route_handler op_lint;
/* audit_log.c */
route_handler op_audit_list, op_audit_checkpoint;

#endif
