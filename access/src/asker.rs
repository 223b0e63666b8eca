use crate::Who;

/// Who asks. With neither user nor certificate that is anyone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The name whose password was right.
    pub user: Option<&'a str>,
    /// The groups that user is in.
    pub groups: &'a [String],
    /// The name in the client's certificate.
    pub certificate: Option<&'a str>,
}

impl Asker<'_> {
    /// Whether it is known who asks.
    pub fn is_known(&self) -> bool {
        self.user.is_some() || self.certificate.is_some()
    }

    /// The name under which the log knows whoever asks.
    pub fn name(&self) -> Option<&str> {
        self.user.or(self.certificate)
    }

    /// Whether a rule for `who` speaks of this one.
    pub fn is(&self, who: &Who) -> bool {
        match who {
            Who::Anonymous => true,
            Who::Authenticated => self.is_known(),
            Who::User(name) => self.user == Some(name),
            Who::Group(name) => self.user.is_some() && self.groups.contains(name),
            Who::Certificate(name) => self.certificate == Some(name),
        }
    }
}
