//! What a client asks a token for: `repository:team/app:pull,push`.

use crate::Access;
use std::str::FromStr;

impl FromStr for Access {
    type Err = ();

    /// A scope, as a client writes it and a challenge names it. Read from both ends: a name may have a colon in it.
    fn from_str(text: &str) -> Result<Access, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        let (name, actions) = rest.rsplit_once(':').ok_or(())?;
        // docker says which class of repository it is: `repository(plugin)`.
        let kind = kind.split('(').next().unwrap_or(kind);
        if kind.is_empty() || name.is_empty() {
            return Err(());
        }
        let actions = actions.split(',').filter(|action| !action.is_empty()).map(Into::into).collect();
        Ok(Access { kind: kind.into(), name: name.into(), actions: Some(actions) })
    }
}
