//! Names and passwords that a directory knows (LDAP), and groups.
use std::time::Duration;
use tests::{ALICE, BOB, Directory, Request, Response, Server, assert_error, basic, eventually, with_login};

fn ask(server: &Server, user: &str, password: &str) -> Response {
    server.request(&Request::get("/v2/").header("Authorization", basic(user, password)))
}

fn upload(server: &Server, repository: &str, login: &str) -> u16 {
    let request = Request::post(&format!("/v2/{repository}/blobs/uploads/"));
    server.request(&with_login(request, login)).status
}

#[test]
fn a_password_is_checked_by_the_directory_and_remembered() {
    let directory = Directory::start();
    let server = directory.guard("", "");
    assert_error(&server.get("/v2/"), 401, "UNAUTHORIZED");
    assert_eq!(server.get("/v2/").required("Www-Authenticate"), "Basic realm=\"Registry\"");
    for _ in 0..20 {
        ask(&server, "alice", "wonderland").expect(200);
    }
    assert_eq!(
        directory.count("BIND dn=\"uid=alice"),
        2,
        "a bind is in the log as asked for, and as answered"
    );
    ask(&server, "bob", "builder").expect(200);
    assert_eq!(server.access_line(|line| line.text("user") == "bob").status(), 200);
}

#[test]
fn wrong_passwords_unknown_users_and_names_that_are_filters_are_401() {
    let directory = Directory::start();
    let server = directory.guard("", "");
    for (user, password) in [
        ("alice", "wrong"),
        ("alice", "builder"),
        ("nobody", "wonderland"),
        ("locked", "wonderland"),
        ("locked", ""),
        ("*", "wonderland"),
        ("a*", "wonderland"),
        ("alice)(uid=*", "wonderland"),
        ("alice)(|(uid=*", "wonderland"),
        ("alice\0", "wonderland"),
        ("\\61lice", "wonderland"),
        ("uid=alice,ou=people,dc=example,dc=org", "wonderland"),
        ("alice,ou=people", "wonderland"),
        ("alice", "wonderland\0"),
    ] {
        assert_error(&ask(&server, user, password), 401, "UNAUTHORIZED");
    }
    ask(&server, "alice", "wonderland").expect(200);
}

#[test]
fn an_empty_password_is_refused_before_the_directory_takes_it_for_nobodys() {
    let directory = Directory::start();
    let server = directory.guard("", "");
    let before = directory.count("BIND dn=");
    for user in ["alice", "nobody"] {
        assert_error(&ask(&server, user, ""), 401, "UNAUTHORIZED");
    }
    // The directory itself lets it in, as a name without a password is nobody's.
    assert_eq!(directory.count("BIND dn="), before);
}

#[test]
fn two_entries_with_one_name_let_nobody_in_and_referrals_are_not_followed() {
    let directory = Directory::start();
    let wide = directory.config("", "").replace("ou=people,", "");
    let server = Server::with(|setup| setup.config(&wide));
    assert_error(&ask(&server, "twin", "twin"), 401, "UNAUTHORIZED");
    server.assert_says("two entries have one name");
    // A referral to a place where nobody answers is among what this search finds.
    ask(&server, "alice", "wonderland").expect(200);
    let narrow = directory.guard("    filter: (objectClass=inetOrgPerson)\n", "");
    ask(&narrow, "twin", "twin").expect(200);
    assert_error(&ask(&narrow, "locked", "x"), 401, "UNAUTHORIZED");
}

#[test]
fn of_several_names_none_may_be_another_entrys() {
    let directory = Directory::start();
    let more = "    remember: 0s\n    filter: (objectClass=inetOrgPerson)\n";
    let rules = "access:\n  - {who: alice, repositories: a, actions: push}\n  - {who: bob, repositories: b, actions: push}\n";
    let server = directory.guard(more, rules);
    let own = |change: &str| {
        directory.modify(&format!("dn: uid=bob,ou=people,dc=example,dc=org\nchangetype: modify\n{change}\n"));
    };
    // Their own are no one else's, whatever is in them.
    own("add: uid\nuid: robert\nuid: bobby)(uid=*");
    assert_eq!((upload(&server, "b", BOB), upload(&server, "b", "robert:builder")), (202, 202));
    for name in ["alice", "ALICE"] {
        own(&format!("add: uid\nuid: {name}"));
        for (user, repository) in [("bob", "a"), ("bob", "b"), ("robert", "b")] {
            assert_eq!(upload(&server, repository, &format!("{user}:builder")), 401, "{user}: {name}");
        }
        own(&format!("delete: uid\nuid: {name}"));
    }
    server.assert_says("one of them is another's too");
    server.assert_says("auth.ldap.attribute");
    assert_eq!((upload(&server, "b", BOB), upload(&server, "a", ALICE)), (202, 202));
}

const RULES: &str = "access:
  - {who: 'group:devs', repositories: 'team/**', actions: [pull, push]}
  - {who: 'group:staff', repositories: 'staff/**', actions: [pull, push]}
  - {who: 'group:builders', repositories: 'build/**', actions: [pull, push]}
  - {who: 'group:ops', repositories: 'ops/**', actions: [pull, push]}
";

#[test]
fn groups_of_the_directory_are_those_that_rules_speak_of() {
    let directory = Directory::start();
    let statuses = |more: &str, login: &str| {
        let server = directory.guard(more, RULES);
        ["team/a", "staff/a", "build/a", "ops/a"].map(|repository| upload(&server, repository, login))
    };
    let base = "    groups:\n      basedn: ou=groups,dc=example,dc=org\n";
    assert_eq!(statuses("", ALICE), [403; 4]);
    assert_eq!(statuses(base, ALICE), [202, 403, 403, 403]);
    assert_eq!(statuses(base, BOB), [403; 4]);
    let deeper = format!("{base}      depth: 4\n");
    assert_eq!(statuses(&deeper, ALICE), [202, 202, 403, 403]);
    let posix = format!("{base}      filter: (|(member={{dn}})(memberUid={{user}}))\n");
    assert_eq!(statuses(&posix, BOB), [403, 403, 202, 403]);
    let named = "    groups:\n      memberof: seeAlso\n";
    assert_eq!(statuses(named, ALICE), [202, 403, 403, 202]);
    // Who may make groups elsewhere does not thereby make people members.
    let both = format!("{base}      memberof: seeAlso\n");
    assert_eq!(statuses(&both, ALICE), [202, 403, 403, 403]);
}

#[test]
fn without_rules_for_groups_the_directory_is_not_asked_for_any() {
    let directory = Directory::start();
    let more = "    groups:\n      basedn: ou=groups,dc=example,dc=org\n";
    let server = directory.guard(more, "access: [{who: alice, repositories: a, actions: push}]\n");
    let before = directory.count("SRCH base=\"ou=groups");
    assert_eq!(upload(&server, "a", ALICE), 202);
    assert_eq!(directory.count("SRCH base=\"ou=groups"), before);
}

#[test]
fn every_spelling_that_the_directory_takes_is_one_user() {
    let directory = Directory::start();
    let more = "  failures:\n    limit: 4\n";
    let server = directory.guard(more, "access: [{who: alice, repositories: a, actions: [pull, push]}]\n");
    for name in ["alice", "ALICE", "aLiCe", " alice "] {
        assert_eq!(upload(&server, "a", &format!("{name}:wonderland")), 202, "{name}");
    }
    let told = || server.access().iter().filter(|line| line.text("user") == "alice").count();
    assert!(eventually(Duration::from_secs(5), || told() == 4), "{}", server.log());
    // Nor does a guess become cheaper by it.
    for name in ["alice", "Alice", "aLice", "alIce"] {
        assert_error(&ask(&server, name, "wrong"), 401, "UNAUTHORIZED");
    }
    let refused = ask(&server, "alicE", "wonderland");
    assert_error(&refused, 429, "TOOMANYREQUESTS");
    refused.required("Retry-After");
    ask(&server, "bob", "builder").expect(200);
    ask(&server, "alice", "wonderland").expect(200);
}

#[test]
fn a_change_counts_once_what_was_remembered_is_forgotten() {
    let directory = Directory::start();
    let more = "    remember: 1s\n    groups:\n      basedn: ou=groups,dc=example,dc=org\n";
    let server = directory.guard(more, RULES);
    assert_eq!(upload(&server, "team/a", ALICE), 202);
    directory.modify(
        "dn: uid=alice,ou=people,dc=example,dc=org\nchangetype: modify\nreplace: userPassword\nuserPassword: new\n\n\
         dn: cn=devs,ou=groups,dc=example,dc=org\nchangetype: modify\nadd: member\n\
         member: uid=bob,ou=people,dc=example,dc=org\n",
    );
    let forgotten = eventually(Duration::from_secs(3), || ask(&server, "alice", "wonderland").status == 401);
    assert!(forgotten, "the old password still lets alice in");
    assert_eq!(upload(&server, "team/a", "alice:new"), 202);
    assert_eq!(upload(&server, "team/a", BOB), 202);
}

#[test]
fn tokens_are_good_for_what_the_groups_of_the_directory_may_do() {
    let directory = Directory::start();
    let rules = format!("{RULES}  - {{who: anonymous, repositories: 'public/**', actions: pull}}\n");
    let server = directory.guard("    groups:\n      basedn: ou=groups,dc=example,dc=org\n", &rules);
    assert!(server.get("/v2/").required("Www-Authenticate").starts_with("Bearer realm="));
    let target = "/auth/token?service=registry&scope=repository:team/a:pull,push";
    let pushed = |login: &str| {
        let body = server.request(&with_login(Request::get(target), login)).expect(200).json();
        let token = body["token"].as_str().expect("a token").to_owned();
        let upload = Request::post("/v2/team/a/blobs/uploads/");
        server.request(&upload.header("Authorization", format!("Bearer {token}"))).status
    };
    assert_eq!((pushed("ALICE:wonderland"), pushed(BOB)), (202, 401));
    assert_error(&server.request(&with_login(Request::get(target), "alice:x")), 401, "UNAUTHORIZED");
}

#[test]
fn many_users_at_once_share_the_connections() {
    let directory = Directory::start();
    let server = directory.guard("    connections: 3\n", "");
    let before = directory.count("ACCEPT from");
    std::thread::scope(|scope| {
        for number in 0..60 {
            let server = &server;
            let right =
                move || ask(server, &format!("user{number}"), &format!("password{number}")).expect(200);
            scope.spawn(right);
        }
    });
    let opened = directory.count("ACCEPT from") - before;
    assert!((1..=3).contains(&opened), "{opened} connections");
}

#[test]
fn no_password_gets_into_a_log() {
    let directory = Directory::start();
    let more = "    attribute: uid\n";
    let server =
        Server::with(|setup| setup.config(&directory.config(more, "")).env("REGISTRY_LOG_LEVEL", "debug"));
    assert_error(&ask(&server, "alice", "hunter2secret"), 401, "UNAUTHORIZED");
    assert_error(&ask(&server, "hunter2secret", "x"), 401, "UNAUTHORIZED");
    ask(&server, "alice", "wonderland").expect(200);
    for secret in ["hunter2secret", "wonderland", "searcher"] {
        assert!(!server.log().contains(secret), "{secret}: {}", server.log());
    }
}
