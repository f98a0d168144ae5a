//! A login by a token (OAUTHBEARER) that something else keeps fresh in a file. The client asks for
//! it when four fifths of its time are over, and every ten seconds while there is none: the file is
//! read anew each time. What goes wrong is told without any part of the token.

use std::error::Error;
use std::fs::File;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use serde_json::Value;

/// A token is a few kilobytes; more than this is the wrong file.
const BYTES_MAX: u64 = 65_536;

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("no file is named for it")]
    NoFile,
    #[error("its file cannot be read: {0}")]
    Unread(#[from] std::io::Error),
    #[error("its file holds no JSON web token")]
    Malformed,
    #[error("the token has no `{0}`")]
    Lacks(&'static str),
}

/// The token that the file holds now.
///
/// # Errors
/// When there is none that could be sent.
pub(super) fn read(file: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
    let mut text = String::new();
    let file = File::open(file.ok_or(Unusable::NoFile)?).map_err(Unusable::Unread)?;
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(|_| Unusable::Malformed)?;
    Ok(of(text.trim())?)
}

fn of(text: &str) -> Result<OAuthToken, Unusable> {
    let parts: Vec<&str> = text.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else {
        return Err(Unusable::Malformed);
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Unusable::Malformed);
    decoded(head)?;
    decoded(signature)?;
    let claims: Value =
        serde_json::from_slice(&decoded(claims)?).map_err(|_| Unusable::Malformed)?;
    let until = claims.get("exp").and_then(seconds);
    let lifetime_ms = until.and_then(|seconds| seconds.checked_mul(1_000));
    let who = claims.get("sub").and_then(Value::as_str);
    let who = who.filter(|who| !who.is_empty() && !who.contains(char::is_control));
    Ok(OAuthToken {
        token: text.to_owned(),
        principal_name: who.ok_or(Unusable::Lacks("sub"))?.to_owned(),
        lifetime_ms: lifetime_ms.ok_or(Unusable::Lacks("exp"))?,
    })
}

/// Whole seconds since 1970. Some issuers write a fraction, which is left out.
fn seconds(number: &Value) -> Option<i64> {
    let Value::Number(number) = number else { return None };
    let text = number.to_string();
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn who_it_is_and_until_when_stand_in_the_token() {
        for exp in ["1790000000", "1790000000.5"] {
            let text = token(&format!(r#"{{"sub":"worker","exp":{exp},"aud":"kafka"}}"#));
            let found = of(&text).expect("a token");
            assert_eq!(
                (found.principal_name.as_str(), found.lifetime_ms),
                ("worker", 1_790_000_000_000)
            );
            assert_eq!(found.token, text);
        }
    }

    #[test]
    fn what_is_no_token_is_told_without_any_of_it() {
        let secret = "SeCrEt";
        let cases = [
            (secret.to_owned(), "its file holds no JSON web token"),
            (format!("a.{secret}.b"), "its file holds no JSON web token"),
            (format!("{secret}.{}", token("{}")), "its file holds no JSON web token"),
            (token(secret), "its file holds no JSON web token"),
            (token(&format!(r#"["{secret}"]"#)), "the token has no `sub`"),
            (token(&format!(r#"{{"exp":1,"jti":"{secret}"}}"#)), "the token has no `sub`"),
            (token(&format!(r#"{{"exp":1,"sub":"{secret}\u0000"}}"#)), "the token has no `sub`"),
            (token(&format!(r#"{{"sub":"{secret}"}}"#)), "the token has no `exp`"),
            (token(&format!(r#"{{"sub":"{secret}","exp":"1"}}"#)), "the token has no `exp`"),
            (token(&format!(r#"{{"sub":"{secret}","exp":9e18}}"#)), "the token has no `exp`"),
        ];
        for (text, expected) in cases {
            let told = of(&text).err().expect("refused").to_string();
            assert_eq!(told, expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let told = read(Some("/nowhere/token")).err().expect("refused").to_string();
        assert!(told.starts_with("its file cannot be read: "), "{told}");
        assert_eq!(read(None).err().expect("refused").to_string(), "no file is named for it");
    }
}
