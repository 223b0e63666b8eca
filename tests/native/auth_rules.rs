//! Rules in a configuration file, and the command that says which one decides.
use tests::run;

/// Everyone pulls what is public, alice does everything in `team`, and whoever is known may list.
const RULES: &str = "access:
  - {who: anonymous, repositories: public/**, actions: pull}
  - {who: [alice, group:devs], repositories: [\"team/**\", tools], actions: [pull, push, delete]}
  - {who: authenticated, repositories: \"**\", actions: catalog}
";

#[test]
fn a_rule_that_is_not_whole_or_not_one_does_not_start() {
    for (rules, says) in [
        ("access:\n  - {who: alice, actions: pull}\n", "access.0: not a whole rule"),
        ("access:\n  - {who: alice, repositories: a, action: pull}\n", "access.0.action: not part of a rule"),
        ("access:\n  - {who: alice, repositories: a, actions: read}\n", "access.*.actions: not an action"),
        ("access:\n  - {who: alice, repositories: A, actions: pull}\n", "not a pattern"),
        ("access:\n  - {who: \"a,b\", repositories: a, actions: pull}\n", "not someone"),
        ("access:\n  - {who: alice, repositories: **, actions: pull}\n", "stands in quotes"),
        ("access:\n  - alice\n", "access"),
        ("access: alice\n", "access: a group of settings"),
    ] {
        let finished = run(&[], |setup| setup.config(&format!("version: 0.1\n{rules}")));
        assert_eq!(finished.code, Some(1), "{rules}: {}", finished.output);
        assert!(finished.output.contains(says), "{says} is not in {}", finished.output);
    }
}

#[test]
fn the_command_says_which_rule_decides_and_exits_1_when_none_does() {
    let folder = std::env::temp_dir().join(format!("pierhead-rules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("config.yml");
    let text = format!("version: 0.1\nauth: {{htpasswd: {{path: /nowhere}}}}\n{RULES}");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let check = |arguments: &str| {
        let mut all = vec!["access", "check", "--config", file];
        all.extend(arguments.split(' '));
        let finished = run(&all, |setup| setup);
        (finished.code, finished.output)
    };
    for (arguments, code, says) in [
        (
            "--user alice --repository team/app --action push",
            0,
            "granted by access.1: alice, group:devs may pull",
        ),
        ("--user bob --group devs --repository tools --action delete", 0, "granted by access.1"),
        ("--user bob --repository team/app --action pull", 1, "refused: none of the 3 rules"),
        ("--repository public/a/b --action pull", 0, "granted by access.0: anonymous"),
        ("--repository public/a --action push", 1, "refused"),
        ("--user bob --action catalog", 0, "granted by access.2"),
        ("--action catalog", 1, "refused"),
        ("--user bob --action pull", 1, "needs a --repository"),
        ("--user bob --repository A --action pull", 2, "invalid value"),
        ("--user bob --repository a --action read", 2, "not an action"),
    ] {
        let (got, output) = check(arguments);
        assert_eq!(got, Some(code), "{arguments}: {output}");
        assert!(output.contains(says), "{arguments}: {output}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn the_command_grants_nobody_what_the_server_could_not_know_of_them() {
    let folder = std::env::temp_dir().join(format!("pierhead-known-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let htpasswd = "auth: {htpasswd: {path: /nowhere}}\n";
    let token = "auth: {token: {realm: r, service: s, issuer: i, jwks: /nowhere}}\n";
    let clientcas = "http: {tls: {certificate: /c, key: /k, clientcas: [/ca]}}\n";
    let rules = "access: [{who: [alice, \"certificate:edge\"], repositories: \"**\", actions: pull}]\n";
    for (config, who, code, says) in [
        (format!("{htpasswd}{rules}"), "--certificate edge", 1, "not verified here"),
        (format!("{htpasswd}{clientcas}{rules}"), "--certificate edge", 0, "granted by access.0"),
        (format!("{htpasswd}{clientcas}"), "--certificate edge", 1, "refused: it is not known who asks"),
        (rules.into(), "--user alice", 1, "without auth nobody says who they are"),
        (htpasswd.into(), "--user alice", 0, "granted: there are no rules"),
        (token.into(), "--user alice", 1, "with auth.token the token says"),
    ] {
        let file = folder.join("config.yml");
        std::fs::write(&file, format!("version: 0.1\n{config}")).expect("written");
        let mut arguments = vec!["access", "check", "--config", file.to_str().expect("UTF-8")];
        arguments.extend(["--repository", "a", "--action", "pull"]);
        arguments.extend(who.split(' '));
        let finished = run(&arguments, |setup| setup);
        assert_eq!(finished.code, Some(code), "{config}: {}", finished.output);
        assert!(finished.output.contains(says), "{config}: {}", finished.output);
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
