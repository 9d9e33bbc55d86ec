#pragma once

#include "tests/support/raw_socket.h"

#include <memory>
#include <string>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace chiron::testing {

/// A self-signed certificate for the given subject alternative names ("DNS:localhost,IP:127.0.0.1").
class Certificate {
 public:
  explicit Certificate(const std::string& names, long valid_seconds = 3600)
      : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), x509_(X509_new(), &X509_free) {
    X509_set_version(x509_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), valid_seconds);
    X509_set_pubkey(x509_.get(), key_.get());
    X509_NAME* name = X509_get_subject_name(x509_.get());
    const std::string common = "chiron test";
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common.data()),
                               static_cast<int>(common.size()), -1, 0);
    X509_set_issuer_name(x509_.get(), name);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(x509_.get(), extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x509_.get(), key_.get(), EVP_sha256());
  }
  std::string pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_X509(out.get(), x509_.get());
    std::string text(BIO_ctrl_pending(out.get()), '\0');
    BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return text;
  }
  X509* x509() const { return x509_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> x509_;
};

/// Answers one request per TLS connection with a fixed text, on 127.0.0.1.
class TlsServer {
 public:
  TlsServer(const Certificate& certificate, std::string answer)
      : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free),
        answer_(std::move(answer)),
        server_([this](RawSocket& socket) { converse(socket); }) {
    SSL_CTX_use_certificate(context_.get(), certificate.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key());
  }
  std::string port() const {
    const std::string address = server_.address();
    return address.substr(address.rfind(':') + 1);
  }

 private:
  void converse(RawSocket& socket) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), socket.fd());
    if (SSL_accept(ssl.get()) != 1) return;
    char block[4096];
    if (SSL_read(ssl.get(), block, sizeof block) <= 0) return;
    SSL_write(ssl.get(), answer_.data(), static_cast<int>(answer_.size()));
    SSL_shutdown(ssl.get());
  }
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::string answer_;
  RawServer server_;
};

}  // namespace chiron::testing
