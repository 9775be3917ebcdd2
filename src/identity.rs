//! Who the caller is: R1, R4 and R6's claimed teams.

use crate::names::Role;

/// Who calls, as far as the token and the configuration say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    role: Option<Role>,
    user_id: Option<String>,
    team_id: Option<String>,
}

impl Caller {
    /// R1; `None` when the token belongs to nobody.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// R4.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }
}
