//! Describes the rules, and how to fix a denial.

use crate::engine::Rule;

/// The meaning of a rule, and its place in the documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// One sentence without a full stop.
    pub(super) meaning: &'static str,
    /// The anchor in `docs/reference/rules.md`.
    anchor: &'static str,
}

impl Words {
    /// Where the rule is documented.
    pub(super) fn place(self) -> String {
        format!("docs/reference/rules.md#{}", self.anchor)
    }
}

/// For a request that is malformed.
pub(super) const UNJUDGED: Words =
    Words { meaning: "a request must name one model, and every parser must read the same one", anchor: "d2" };

/// The meaning of a rule.
pub(super) fn of(rule: Rule) -> Words {
    let (meaning, anchor) = match rule {
        Rule::Evaluation => ("a policy that cannot be evaluated denies", "other-rules"),
        Rule::Policy => ("a policy file of the operator forbids requests like this one", "other-rules"),
        Rule::MasterKey => ("the master key may do what its policy permits", "other-rules"),
        Rule::Overage => (
            "a token must carry the claims that roles and teams are read from, not a pointer to them",
            "other-rules",
        ),
        Rule::DeniedModel => (
            "`deny_models` of a role denies its models in every spelling, and denies unknown names; it \
             overrides every grant",
            "other-rules",
        ),
        Rule::Reference => ("only the caller who created an id may use it", "other-rules"),
        Rule::Unmatched => ("if role permissions are enforced, a token needs a role", "r2"),
        Rule::Model => ("a role may use the models that its entry lists, by their exact names", "r2"),
        Rule::Route => ("a role may call the routes that its entry lists", "r2"),
        Rule::Scope => ("a scope of the token must have a mapping that lists the model", "r3"),
        Rule::AdminRoute => ("an admin calls the routes of `admin_allowed_routes`", "r5"),
        Rule::TeamHeader => ("`x-litellm-team-id` may only name a team that the token claims", "r6"),
        Rule::UnknownTeam => ("the team that the token names must be declared under `teams`", "r6"),
        Rule::NoTeam => ("if a claim for the team is configured, the token must have it", "r6"),
        Rule::NoTeamWithModel => ("one of the token's teams must allow the model on this route", "r6"),
        Rule::Blocked => ("a blocked team may do nothing", "r6"),
        Rule::TeamRoute => ("a team calls the routes of `team_allowed_routes`", "r6"),
        Rule::TeamModel => ("a team may use the models that it lists", "r6"),
        Rule::EmailDomain => ("the caller's email must be of the configured domain", "r7"),
        Rule::Identity => ("the token must name a user or a team", "r8"),
        Rule::Floor => {
            ("routes outside the LLM APIs are for admins, unless a configured list names them", "r9")
        }
    };
    Words { meaning, anchor }
}

/// The requirement of a mandatory check, phrased so that its result reads as "yes" or "no".
pub(super) fn asks(rule: Rule) -> &'static str {
    match rule {
        Rule::Overage => "the token carries every claim that roles and teams are read from",
        Rule::DeniedModel => "no role of the token denies the model",
        Rule::Reference => "no id in the request belongs to another caller",
        Rule::Scope => "a scope of the token allows the model",
        Rule::AdminRoute => "an admin stays on the routes for admins",
        Rule::TeamHeader => "`x-litellm-team-id`, if sent, names a team of the caller",
        Rule::UnknownTeam => "the token's team is declared",
        Rule::NoTeam => "the token names a team if one is required",
        Rule::NoTeamWithModel => "one of the caller's teams may use the model on this route",
        Rule::Blocked => "the team is not blocked",
        Rule::TeamRoute => "the team may call the route",
        Rule::TeamModel => "the team may use the model",
        Rule::EmailDomain => "the email is of the allowed domain",
        Rule::Identity => "a user or a team is known",
        Rule::Floor => "the route is one of an LLM API, or a list of the configuration names it",
        Rule::Policy => "the conditions of the policy do not hold",
        Rule::Evaluation | Rule::MasterKey | Rule::Unmatched | Rule::Model | Rule::Route => "it is granted",
    }
}

/// How to fix a denial.
pub(super) fn fix(rule: Rule) -> &'static str {
    match rule {
        Rule::Evaluation => "report this as a bug: translated policies always evaluate",
        Rule::Policy => "change the policy, or the request so that its conditions do not hold",
        Rule::MasterKey => "use a token",
        Rule::Overage => {
            "configure the identity provider to send roles, or only the groups of this application"
        }
        Rule::Unmatched => {
            "give the token a role that `user_allowed_roles`, `role_mappings` or `modelgate.role_permissions` names, or \
             a team id or user id that the configuration reads"
        }
        Rule::Model => "list the model under `models` of an entry for one of the caller's roles",
        Rule::Route => "list the route under `routes` of an entry for one of the caller's roles",
        Rule::DeniedModel => {
            "remove the model from `deny_models`, or the role from the token; if `model_list` does not \
             have the name, add it"
        }
        Rule::Reference => "use ids that the same caller created",
        Rule::Scope => {
            "list the model in `scope_mappings` for one of the token's scopes, or ask for a token with another"
        }
        Rule::AdminRoute => {
            "list the route in `admin_allowed_routes`, or use a token without the admin scope"
        }
        Rule::TeamHeader => "send the id or alias of a team that the token names, or no header",
        Rule::UnknownTeam => "declare the team under `teams`",
        Rule::NoTeam => {
            "add a team to the token, in the claim that `team_id_jwt_field` or `team_ids_jwt_field` names"
        }
        Rule::NoTeamWithModel | Rule::TeamModel => {
            "list the model under `models` of one of the caller's teams"
        }
        Rule::Blocked => "remove `blocked` from the team",
        Rule::TeamRoute => "list the route in `team_allowed_routes`",
        Rule::EmailDomain => "use an account of the domain, or change `user_allowed_email_domain`",
        Rule::Identity => "configure `user_id_jwt_field` for a claim that the token has",
        Rule::Floor => "list the route under `routes` of an entry for one of the caller's roles",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_documented_where_its_words_say() {
        let document = include_str!("../../../docs/reference/rules.md");
        for words in Rule::ALL.into_iter().map(of).chain([UNJUDGED]) {
            assert!(document.contains(&format!("<a id=\"{}\"></a>", words.anchor)), "{words:?}");
        }
        for rule in Rule::ALL {
            assert!(document.contains(&format!("`{rule}`")), "{rule}");
        }
    }
}
