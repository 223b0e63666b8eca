//! What a configuration comes to, without serving it.

use crate::config::{AuthKind, Config, Examined, FILE_VARIABLE, Net, Verdict};
use crate::{tls, trust};
use std::fmt::{Display, Write};
use std::path::PathBuf;

/// Which configuration to look at.
#[derive(clap::Args)]
pub struct Check {
    /// Unknown settings, and settings without effect, are faults too.
    #[arg(long)]
    strict: bool,
    /// The configuration file, in YAML.
    #[arg(env = FILE_VARIABLE)]
    config: Option<PathBuf>,
}

/// What a configuration comes to.
pub struct Checked {
    /// Whether a server would start with it, and nothing is in it that a strict look finds fault with.
    pub passes: bool,
    /// The configuration that counts, in YAML; nothing where a server would not start.
    pub effective: String,
    /// What became of each thing that was given, a line each.
    pub report: String,
}

/// What a start would find beyond the configuration itself: in the files that it names and does not make.
fn beyond(config: &Config) -> impl Iterator<Item = String> {
    let told = |error: &dyn Display| error.to_string();
    let listen = match config.http.net {
        Net::Tcp => config.listen_addresses().err().map(|error| told(&error)),
        Net::Unix => None,
    };
    let tls = tls::check(&config.http).err().map(|error| told(&error));
    let logins = match config.auth.kind {
        AuthKind::Ldap => {
            credentials::check_directory(&config.auth.ldap.directory).err().map(|error| told(&error))
        }
        AuthKind::Token => trust::keys(&config.auth).err().map(|error| told(&error)),
        _ => None,
    };
    [listen, tls, logins].into_iter().flatten()
}

impl Check {
    /// Looks at a configuration in an environment. Of files it reads that of the configuration, and those of
    /// certificates, of keys for tokens and of the directory's password; it makes none, does not open the storage, and asks
    /// no other server.
    pub fn check(&self, env: impl Iterator<Item = (String, String)>) -> Checked {
        let examined = Config::examine(self.config.as_deref(), env);
        let Examined { config, findings, .. } = &examined;
        let mut report = String::new();
        let mut line = |text: &dyn Display| writeln!(report, "{text}").expect("a text takes every text");
        let count = |of: fn(&Verdict) -> bool| findings.iter().filter(|finding| of(&finding.verdict)).count();
        let mut faults = count(|verdict| matches!(verdict, Verdict::Fault(_)));
        let idle = count(|verdict| matches!(verdict, Verdict::Unknown(_) | Verdict::NoEffect(..)));
        findings.iter().for_each(|finding| line(finding));
        if faults == 0 {
            config.warnings.iter().for_each(|doubt| line(&format_args!("doubtful: {doubt}")));
            for problem in beyond(config) {
                faults += 1;
                line(&format_args!("wrong: {problem}"));
            }
        }
        let passes = faults == 0 && !(self.strict && idle > 0);
        match (faults, passes) {
            (0, true) => line(&"the server would start"),
            (0, false) => line(&format_args!(
                "the server would start, but without {idle} of these settings, which --strict does not allow"
            )),
            (faults, _) => line(&format_args!("the server would not start: wrong: {faults}")),
        }
        let effective = if faults == 0 { examined.effective() } else { String::new() };
        Checked { passes, effective, report }
    }
}
