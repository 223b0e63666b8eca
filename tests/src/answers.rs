use crate::Response;

/// The answers in what a server sent over one connection, or what is wrong with them. Nothing is known of the
/// requests: an answer to HEAD, whose length is announced and whose body is missing, is taken for one.
pub fn answers(mut bytes: &[u8]) -> Result<Vec<Response>, String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (mut response, rest) = one(bytes)?;
        bytes = rest;
        if response.status >= 200 {
            response.interim = interim(&mut found);
        }
        found.push(response);
    }
    match found.last() {
        Some(last) if last.status < 200 => Err("an interim answer is followed by none".into()),
        _ => Ok(found),
    }
}

/// Takes the interim answers off the end.
fn interim(found: &mut Vec<Response>) -> Vec<u16> {
    let first = found.iter().rposition(|response| response.status >= 200).map_or(0, |last| last + 1);
    found.drain(first..).map(|response| response.status).collect()
}

fn one(bytes: &[u8]) -> Result<(Response, &[u8]), String> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| format!("a head without an end: {:?}", String::from_utf8_lossy(bytes)))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|why| format!("a head that is no text: {why}"))?;
    let mut response = head_of(head).ok_or_else(|| format!("no head: {head:?}"))?;
    let rest = &bytes[end + 4..];
    if response.status < 200 || matches!(response.status, 204 | 304) {
        return Ok((response, rest));
    }
    let length = response.header("Content-Length").map(str::parse::<usize>);
    let length = length.transpose().map_err(|_| format!("Content-Length is no number: {response}"))?;
    let begins = |bytes: &[u8]| bytes.is_empty() || bytes.starts_with(b"HTTP/1.");
    match length.map(|length| rest.split_at_checked(length)) {
        Some(Some((body, rest))) if begins(rest) => {
            response.body = body.to_vec();
            Ok((response, rest))
        }
        Some(_) if begins(rest) => Ok((response, rest)),
        Some(_) => Err(format!("the body is not as long as announced, it has {}: {response}", rest.len())),
        // Only a client of HTTP/1.0 gets an answer that ends with the connection; no answer here is chunked.
        None => {
            response.body = rest.to_vec();
            Ok((response, &[]))
        }
    }
}

fn head_of(text: &str) -> Option<Response> {
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    Some(Response { status, headers: headers.collect::<Option<_>>()?, ..Response::default() })
}

#[cfg(test)]
mod tests {
    use super::answers;

    fn statuses(text: &str) -> Option<Vec<(Vec<u16>, u16, String)>> {
        let found = answers(text.as_bytes()).ok()?;
        Some(found.into_iter().map(|answer| (answer.interim.clone(), answer.status, answer.text())).collect())
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(statuses(""), Some(vec![]));
        assert_eq!(
            statuses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"),
            Some(vec![(vec![100], 200, "ab".into())])
        );
        assert_eq!(
            statuses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
            Some(vec![(vec![], 200, String::new()), (vec![], 204, String::new())])
        );
    }

    #[test]
    fn what_is_cut_or_malformed_is_no_answer() {
        for text in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            assert_eq!(statuses(text), None, "{text:?}");
        }
    }
}
