//! Where content lies: in a directory or in a bucket.

use super::*;
use crate::config::Driver;

const BUCKET: &str = "\
storage:
  s3:
    region: us-west-1
    bucket: images
    accesskey: AKIDEXAMPLE
    secretkey: wJalrXUtnFEMI
";

#[test]
fn a_bucket_is_chosen_by_its_settings_and_has_the_defaults_of_distribution() {
    let config = load(BUCKET, &[]).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!(config.storage.driver, Driver::S3);
    let s3 = &config.storage.s3;
    assert!(s3.secure && s3.forcepathstyle && !s3.encrypt && config.storage.redirect_disable);
    assert_eq!((s3.chunksize, s3.multipartcopymaxconcurrency), (10 << 20, 16));
    let settings = config.storage.bucket(config.limits.uploadmemory).unwrap();
    assert_eq!(settings.place(), "https://s3.us-west-1.amazonaws.com/images/");
    assert_eq!(settings.upload_memory, 64 << 20);
    assert!(!settings.redirect);
    assert_eq!(load("", &[]).unwrap().storage.driver, Driver::Filesystem);
}

#[test]
fn every_setting_of_a_bucket_reaches_it_by_file_and_by_variable() {
    let plain = load(BUCKET, &[]).unwrap();
    for (name, value) in [
        ("regionendpoint", "http://127.0.0.1:9000"),
        ("rootdirectory", "/some/folder"),
        ("sessiontoken", "token"),
        ("secure", "false"),
        ("forcepathstyle", "false"),
        ("encrypt", "true"),
        ("keyid", "arn:aws:kms:us-east-1:1:key/k"),
        ("storageclass", "STANDARD_IA"),
        ("objectacl", "private"),
        ("chunksize", "5242880"),
        ("multipartcopythresholdsize", "5242880"),
        ("multipartcopychunksize", "5242880"),
        ("multipartcopymaxconcurrency", "100"),
    ] {
        let by_file = load(&format!("{BUCKET}    {name}: {value}\n"), &[]).unwrap();
        let variable = format!("REGISTRY_STORAGE_S3_{}", name.to_uppercase());
        let by_variable = load(BUCKET, &[(&variable, value)]).unwrap();
        assert_eq!(by_file, by_variable, "{name}");
        assert_ne!(by_file, plain, "{name}");
    }
    let redirecting = load(&format!("{BUCKET}  redirect: {{disable: false}}\n"), &[]).unwrap();
    assert!(redirecting.storage.bucket(0).unwrap().redirect);
}

#[test]
fn what_is_missing_or_bad_is_named_where_it_was_given() {
    for (settings, line, says) in [
        ("storage: s3\n", 2, "storage.s3.bucket: is not set"),
        ("storage:\n  s3:\n    bucket: b\n", 4, "storage.s3.region: is not set"),
        (
            "storage:\n  s3:\n    region: r\n    bucket: b\n    accesskey: a\n",
            4,
            "storage.s3.secretkey: is not set",
        ),
        (&format!("{BUCKET}    regionendpoint: ftp://x\n"), 8, "storage.s3.regionendpoint: has to be a host"),
        (&format!("{BUCKET}    chunksize: 1MiB\n"), 8, "storage.s3.chunksize"),
        (&format!("{BUCKET}    storageclass: cold storage\n"), 8, "storage.s3.storageclass"),
        (&format!("{BUCKET}    skipverify: true\n"), 8, "storage.s3.skipverify"),
        (
            &format!("{BUCKET}  filesystem: {{rootdirectory: /x}}\n"),
            4,
            "storage.s3: a second place for content",
        ),
    ] {
        let message = refusal(settings, &[]);
        assert_says(&message, &[&format!("FILE, line {line}: "), says]);
    }
    let file = "storage: {filesystem: {rootdirectory: /x}}\n";
    let message = refusal(file, &[("REGISTRY_STORAGE_S3_BUCKET", "b")]);
    assert_says(
        &message,
        &["REGISTRY_STORAGE_S3_BUCKET", "beside storage.filesystem (FILE, line 2)", "REGISTRY_STORAGE=s3"],
    );
}

#[test]
fn a_variable_puts_a_bucket_in_the_place_of_the_files_directory() {
    let file = "storage: {filesystem: {rootdirectory: /x}, delete: {enabled: true}}\n";
    let variables = [
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_STORAGE_S3_BUCKET", "b"),
        ("REGISTRY_STORAGE_S3_REGION", "r"),
        ("REGISTRY_STORAGE_S3_ACCESSKEY", "a"),
        ("REGISTRY_STORAGE_S3_SECRETKEY", "s"),
    ];
    let config = load(file, &variables).unwrap();
    assert_eq!(config.storage.driver, Driver::S3);
    // As in distribution, all that the file says of storage is taken back.
    assert!(!config.storage.delete);
}

#[test]
fn a_variable_puts_a_directory_in_the_place_of_the_files_bucket() {
    let config = load(BUCKET, &[("REGISTRY_STORAGE", "filesystem")]).unwrap();
    assert_eq!(config.storage.driver, Driver::Filesystem);
}

#[test]
fn switches_and_numbers_of_a_bucket_may_be_in_quotes_as_in_distribution() {
    let more = "    secure: \"false\"\n    chunksize: \"5242880\"\n    multipartcopymaxconcurrency: \"100000\"\n    \
                multipartcopythresholdsize: 0\n    v4auth: \"true\"\n";
    let config = load(&format!("{BUCKET}{more}"), &[]).unwrap();
    let s3 = &config.storage.s3;
    assert_eq!((s3.secure, s3.chunksize, s3.multipartcopythresholdsize), (false, 5 << 20, 0));
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn what_is_shown_in_the_place_of_a_secret_is_none() {
    let message = refusal(&BUCKET.replace("wJalrXUtnFEMI", "(hidden)"), &[]);
    assert_says(&message, &["FILE, line 7: storage.s3.secretkey", "write the secret itself"]);
}

#[test]
fn neither_the_key_nor_its_name_is_shown() {
    let config = load(BUCKET, &[]).unwrap();
    let shown = format!("{config:?} {:?}", config.settings());
    assert!(!shown.contains("AKIDEXAMPLE") && !shown.contains("wJalrXUtnFEMI"), "{shown}");
}

const CONTAINER: &str = "\
storage:
  azure:
    accountname: images
    accountkey: c2VjcmV0c2VjcmV0
    container: registry
";

#[test]
fn a_container_is_chosen_by_its_settings_and_has_the_defaults_of_distribution() {
    let config = load(CONTAINER, &[]).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!(config.storage.driver, Driver::Azure);
    assert_eq!(config.storage.azure.chunksize, 10 << 20);
    let settings = config.storage.bucket(config.limits.uploadmemory).unwrap();
    assert_eq!(settings.place(), "https://images.blob.core.windows.net/registry/");
    assert!(!settings.redirect && settings.upload_memory == 64 << 20);
    let redirecting = load(&format!("{CONTAINER}  redirect: {{disable: false}}\n"), &[]).unwrap();
    assert!(redirecting.storage.bucket(0).unwrap().redirect);
    let distributions =
        "    credentials: {type: shared_key}\n    max_retries: \"5\"\n    retry_delay: 100ms\n";
    let config = load(&format!("{CONTAINER}{distributions}"), &[]).unwrap();
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
}

#[test]
fn every_setting_of_a_container_reaches_it_by_file_and_by_variable() {
    let plain = load(CONTAINER, &[]).unwrap();
    for (name, value) in [
        ("accountname", "others"),
        ("accountkey", "b3RoZXJz"),
        ("container", "others"),
        ("rootdirectory", "/some/folder"),
        ("realm", "core.chinacloudapi.cn"),
        ("serviceurl", "http://127.0.0.1:10000/images"),
        ("chunksize", "5242880"),
        ("credentials.type", "default_credentials"),
        ("credentials.clientid", "client"),
        ("credentials.tenantid", "tenant"),
        ("credentials.secret", "secret"),
    ] {
        let yaml = match name.split_once('.') {
            Some((group, name)) => format!("    {group}: {{{name}: {value}}}\n"),
            None => format!("    {name}: {value}\n"),
        };
        let given = CONTAINER.lines().filter(|line| !line.starts_with(&format!("    {name}: ")));
        let file: String = given.flat_map(|line| [line, "\n"]).collect();
        let by_file = load(&(file + &yaml), &[]).unwrap();
        let variable = format!("REGISTRY_STORAGE_AZURE_{}", name.to_uppercase().replace('.', "_"));
        let by_variable = load(CONTAINER, &[(&variable, value)]).unwrap();
        assert_eq!(by_file, by_variable, "{name}");
        assert_ne!(by_file, plain, "{name}");
    }
}

#[test]
fn what_is_missing_or_bad_of_a_container_is_named_where_it_was_given() {
    for (settings, line, says) in [
        ("storage: azure\n", 2, "storage.azure.accountname: is not set"),
        ("storage:\n  azure:\n    accountname: a\n", 4, "storage.azure.container: is not set"),
        (
            &format!("{CONTAINER}    credentials: {{type: client_secret}}\n"),
            4,
            "storage.azure.credentials.clientid: is not set",
        ),
        (
            &format!("{CONTAINER}    serviceurl: images.example\n"),
            7,
            "storage.azure.serviceurl: has to be the URL",
        ),
        (&format!("{CONTAINER}    chunksize: 1MiB\n"), 7, "storage.azure.chunksize"),
        (&format!("{CONTAINER}    skipverify: true\n"), 7, "storage.azure.skipverify"),
        (
            &format!(
                "{CONTAINER}    credentials: {{type: default_credentials}}\n  redirect: {{disable: false}}\n"
            ),
            8,
            "storage.redirect.disable: has to be true, or storage.azure.accountkey given",
        ),
        (
            &format!("{CONTAINER}  filesystem: {{rootdirectory: /x}}\n"),
            4,
            "storage.azure: a second place for content",
        ),
    ] {
        let message = refusal(settings, &[]);
        assert_says(&message, &[&format!("FILE, line {line}: "), says]);
    }
}

#[test]
fn no_secret_of_a_container_is_shown() {
    let config = load(&format!("{CONTAINER}    credentials: {{secret: wonderland}}\n"), &[]).unwrap();
    let shown = format!("{config:?} {:?}", config.settings());
    assert!(!shown.contains("c2VjcmV0c2VjcmV0") && !shown.contains("wonderland"), "{shown}");
}
