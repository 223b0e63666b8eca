//! The groups that a person is in.

use super::connection::values;
use super::fault::{self, Fault, code};
use super::name;
use super::options::of_member;
use super::session::{Person, Session};
use ldap3::Scope;
use std::collections::HashSet;

impl Session {
    /// The names of the groups that a person is in, of those that anyone wants to know of.
    pub async fn groups(&mut self, person: &Person) -> Result<Vec<String>, Fault> {
        let options = &self.directory.clone().0.options.groups;
        if options.wanted.is_empty() || !options.has_source() {
            return Ok(Vec::new());
        }
        let base = options.base.as_deref();
        let within = |dn: &&String| base.is_none_or(|base| name::is_beneath(dn, base));
        let named: Vec<String> = person.member_of.iter().filter(within).cloned().collect();
        let mut names: HashSet<String> = named.iter().filter_map(|dn| name::of_entry(dn)).collect();
        let mut seen: HashSet<String> = named.iter().map(|dn| dn.to_lowercase()).collect();
        // Those that are members of the groups of a level; at the second, those of the first are.
        let (mut members, mut listed) = (vec![person.dn.clone()], named);
        for _ in 0..options.depth {
            let Some(base) = base.filter(|_| !members.is_empty()) else { break };
            let of = |dn: &String| of_member(&options.filter, dn, &person.name);
            let filter = format!("(|{})", members.iter().map(of).collect::<String>());
            let attributes = [options.attribute.as_str()];
            let found = self.search(base, Scope::Subtree, &filter, &attributes, 0).await?;
            let wrong = "groups cannot be looked for beneath it";
            match fault::of_result(&found.result, fault::GROUPS, wrong) {
                // A group that is not told grants nothing.
                Some(_) if found.result.rc == code::SIZE_LIMIT => {
                    tracing::warn!(
                        dn = person.dn,
                        "the directory does not tell all groups of this user at once"
                    );
                }
                Some(fault) => return Err(fault),
                None => {}
            }
            members = std::mem::take(&mut listed);
            for entry in found.entries.into_iter().filter(|entry| seen.insert(entry.dn.to_lowercase())) {
                names.extend(values(&entry, &options.attribute).iter().cloned());
                members.push(entry.dn);
            }
        }
        Ok(options.wanted.iter().filter(|wanted| names.contains(*wanted)).cloned().collect())
    }
}
