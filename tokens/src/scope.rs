//! What a client asks a token for: `repository:team/app:pull,push`.

use crate::Access;
use std::str::FromStr;

/// A scope, as a client writes it and a challenge names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(pub Access);

impl FromStr for Scope {
    type Err = ();

    /// Read from both ends: a name may have a colon in it.
    fn from_str(text: &str) -> Result<Scope, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        let (name, actions) = rest.rsplit_once(':').ok_or(())?;
        // docker says which class of repository it is: `repository(plugin)`.
        let kind = kind.split('(').next().unwrap_or(kind);
        if kind.is_empty() || name.is_empty() {
            return Err(());
        }
        let actions = actions.split(',').filter(|action| !action.is_empty()).map(Into::into).collect();
        Ok(Scope(Access { kind: kind.into(), name: name.into(), actions: Some(actions) }))
    }
}

impl Scope {
    /// The scopes of a parameter, with spaces between them; what is none is left out.
    pub fn list(text: &str) -> impl Iterator<Item = Scope> + '_ {
        text.split(' ').filter_map(|scope| scope.parse().ok())
    }
}
