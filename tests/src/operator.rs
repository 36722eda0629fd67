//! The orchestrator's API, as an operator who has signed in.

use anyhow::{Context, Result, ensure};
use protocol::{ConferenceView, SiteLink, SiteView};
use reqwest::{Client, Method, RequestBuilder, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;

/// An operator with a session.
pub struct Operator {
    http: Client,
    base: String,
    cookie: String,
}

impl Operator {
    /// Signs in at the orchestrator, whose certificate `authority` (PEM) has to have issued; none where
    /// it speaks plain HTTP on loopback.
    pub async fn sign_in(
        base: &str,
        authority: Option<&Path>,
        user: &str,
        password: &str,
    ) -> Result<Self> {
        let mut authorities = Vec::new();
        if let Some(file) = authority {
            authorities.push(reqwest::Certificate::from_pem(&std::fs::read(file)?)?);
        }
        let http = Client::builder().tls_certs_only(authorities).build()?;
        let body = json!({ "user": user, "password": password });
        let request = http
            .post(format!("{base}/api/session"))
            .header(header::ORIGIN, base);
        let answer = request.json(&body).send().await?.error_for_status()?;
        let cookie = answer
            .headers()
            .get(header::SET_COOKIE)
            .context("a cookie")?
            .to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        ensure!(cookie.contains('='), "no cookie: {cookie}");
        Ok(Self {
            http,
            base: base.to_owned(),
            cookie,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .header(header::COOKIE, &self.cookie)
            .header(header::ORIGIN, &self.base)
    }

    /// `GET`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.request(Method::GET, path).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// `POST` of a JSON body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        let answer = self.request(Method::POST, path).json(body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// The conference as the console sees it.
    pub async fn conference(&self, conference: &str) -> Result<ConferenceView> {
        self.get(&format!("/api/conferences/{conference}")).await
    }

    /// One site as the console sees it.
    pub async fn site(&self, conference: &str, code: &str) -> Result<SiteView> {
        let view = self.conference(conference).await?;
        let site = view
            .sites
            .into_iter()
            .find(|site| site.code.as_str() == code);
        site.with_context(|| format!("no site {code}"))
    }

    /// What this operator would hand to a hall.
    pub async fn link(&self, conference: &str, site: &str) -> Result<SiteLink> {
        self.get(&format!("/api/conferences/{conference}/sites/{site}/link"))
            .await
    }
}
