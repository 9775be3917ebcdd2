//! The names of the decision rules. The translation writes them and the engine reports them.
//!
//! `docs/reference/rules.md` defines each rule.

use std::fmt;

/// The role of the holder of `general_settings.master_key` in policies.
pub(crate) const MASTER_KEY_ROLE: &str = "master_key";

/// A rule that can deny a request. If several rules deny, the first in this order is reported.
/// `docs/reference/rules.md` describes each rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Cedar could not evaluate a policy, or the request does not match the schema.
    Evaluation,
    /// A dropped-in policy.
    Policy,
    /// The master key.
    MasterKey,
    /// The identity provider left out a claim that roles or teams are read from.
    Overage,
    /// The token matches no role (R1, R2).
    Unmatched,
    /// The role may not use the model.
    Model,
    /// The role may not call the route.
    Route,
    /// A role of the token denies the model, regardless of any grant (`modelgate.role_permissions`).
    DeniedModel,
    /// No scope of the token grants the model.
    Scope,
    /// An admin may not call the route.
    AdminRoute,
    /// The header names no team that the token claims and the configuration declares.
    TeamHeader,
    /// The token's team is not declared.
    UnknownTeam,
    /// The token names no team, but the request needs one.
    NoTeam,
    /// No claimed team may use the model on this route.
    NoTeamWithModel,
    /// The team may not call the route.
    TeamRoute,
    /// The team is blocked.
    Blocked,
    /// The team may not use the model.
    TeamModel,
    /// The email belongs to another domain.
    EmailDomain,
    /// The caller has neither a user id nor a team.
    Identity,
    /// The route does not belong to an LLM API.
    Floor,
    /// The request uses an id that another caller created (`modelgate.references`).
    Reference,
}

impl Rule {
    /// Every rule, in order.
    pub const ALL: [Self; 21] = [
        Self::Evaluation,
        Self::Policy,
        Self::MasterKey,
        Self::Overage,
        Self::Unmatched,
        Self::Model,
        Self::Route,
        Self::DeniedModel,
        Self::Scope,
        Self::AdminRoute,
        Self::TeamHeader,
        Self::UnknownTeam,
        Self::NoTeam,
        Self::NoTeamWithModel,
        Self::TeamRoute,
        Self::Blocked,
        Self::TeamModel,
        Self::EmailDomain,
        Self::Identity,
        Self::Floor,
        Self::Reference,
    ];

    /// The rule's name in answers, logs, metrics and policy annotations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Policy => "policy",
            Self::MasterKey => "master_key",
            Self::Overage => "overage",
            Self::DeniedModel => "deny_models",
            Self::Reference => "references",
            Self::Unmatched => "R2.unmatched",
            Self::Route => "R2.route",
            Self::Model => "R2.model",
            Self::Scope => "R3.scope",
            Self::AdminRoute => "R5.admin_route",
            Self::EmailDomain => "R7.email_domain",
            Self::TeamHeader => "R6.header",
            Self::UnknownTeam => "R6.unknown_team",
            Self::NoTeam => "R6.no_team",
            Self::NoTeamWithModel => "R6.no_team_with_model",
            Self::Blocked => "R6.blocked",
            Self::TeamModel => "R6.team_model",
            Self::TeamRoute => "R6.team_route",
            Self::Identity => "R8.identity",
            Self::Floor => "R9.floor",
        }
    }

    /// Whether the rule denies a model.
    pub(crate) fn is_of_models(self) -> bool {
        matches!(
            self,
            Self::Model | Self::DeniedModel | Self::Scope | Self::NoTeamWithModel | Self::TeamModel
        )
    }

    /// The rule with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }

    /// The message for a denied caller. It says what was denied, but not what would be allowed.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Evaluation => "the policies could not be evaluated",
            Self::Policy => "a policy forbids this request",
            Self::MasterKey => "the master key may not do this",
            Self::Overage => {
                "the token leaves out a claim that roles or teams are read from (group overage): the identity \
                 provider must be set to send only the groups of this application, or roles"
            }
            Self::DeniedModel => "a role of the caller denies this model",
            Self::Reference => "the request uses an id that another caller created",
            Self::Unmatched => "the token belongs to no role that may call this gateway",
            Self::Route => "the caller's role may not call this route",
            Self::Model => "the caller's role may not use this model",
            Self::Scope => "no scope of the token opens this model",
            Self::AdminRoute => "an admin may not call this route",
            Self::EmailDomain => "the caller's email domain is not allowed",
            Self::TeamHeader => "the header `x-litellm-team-id` selects no team of the caller",
            Self::UnknownTeam => "the caller's team is not known",
            Self::NoTeam => "the token names no team",
            Self::NoTeamWithModel => "no team of the caller may use this model here",
            Self::Blocked => "the caller's team is blocked",
            Self::TeamModel => "the caller's team may not use this model",
            Self::TeamRoute => "the caller's team may not call this route",
            Self::Identity => "the token names neither a user nor a team",
            Self::Floor => "this route is open to admins only",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
