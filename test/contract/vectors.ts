/** The bytes of `spec/wire.md §15` that travel between agentk and kas, or stand in Redis. */
const hex = (text: string) => Buffer.from(text, 'hex');

export const vectors = {
  /** ConnectRequest descriptor, service KubernetesApi / MakeRequest. */
  descriptor: hex(
    '0a420a400a3e0a2d6769746c61622e6167656e742e6b756265726e657465735f6170692e7270632e4b756265726e65746573417069' +
      '120d0a0b4d616b6552657175657374',
  ),
  /** ConnectRequest header{}. */
  header: hex('1200'),
  /** ConnectRequest trailer{}. */
  trailer: hex('2200'),
  /** ConnectRequest error status{14,"x"}. */
  error: hex('2a070a05080e120178'),
  /** ConnectResponse request_info `/s/m`, meta k=[v1,v2]. */
  requestInfo: hex('0a150a042f732f6d120d0a016b12080a0276310a027632'),
  closeSend: hex('1a00'),
  /** HttpRequest header GET /version, Accept: every type, query a=1, content_length 0. */
  getVersion: hex(
    '0a2e0a2a0a03474554120f0a0641636365707412050a032a2f2a1a082f76657273696f6e22080a016112030a01311800',
  ),
  /** HttpRequest header POST /x, content_length -1. */
  postX: hex('0a170a0a0a04504f53541a022f7818ffffffffffffffffff01'),
  /** HttpRequest and HttpResponse trailer. */
  httpTrailer: hex('1a00'),
  /** HttpRequest and HttpResponse upgradeData `x`. */
  upgradeData: hex('22030a0178'),
  /** HttpResponse header 101, Upgrade: SPDY/3.1. */
  switching: hex(
    '0a340a320865121731303120537769746368696e672050726f746f636f6c731a150a0755706772616465120a0a08535044592f332e31',
  ),
  /** redistool.ExpiringValue expires_at 1700000000. */
  expiringValue: hex('0880e2cfaa06'),
  /** Any GitPushEvent project{1, "p"}. */
  anyPushEvent: hex(
    '0a33747970652e676f6f676c65617069732e636f6d2f6769746c61622e6167656e742e6576656e742e476974507573684576656e74' +
      '12070a050801120170',
  ),
} as const;
