import { describe, expect, it } from 'vitest';
import {
  ok,
  prefixed,
  status,
  StatusCode,
  statusCodeOf,
  statusName,
  statusText,
} from '../../src/protocol/index.ts';

describe('status', () => {
  it('names codes as Go does', () => {
    expect(Array.from({ length: 17 }, (_, code) => statusName(code)).join(' ')).toBe(
      'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ' +
        'ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss ' +
        'Unauthenticated',
    );
    expect(statusName(42)).toBe('Code(42)');
  });

  it('takes unknown codes of a peer for Unknown', () => {
    expect(statusCodeOf(5)).toBe(StatusCode.NotFound);
    expect(statusCodeOf(17)).toBe(StatusCode.Unknown);
    expect(statusCodeOf(-1)).toBe(StatusCode.Unknown);
  });

  it('prefixes a status and keeps its code and details', () => {
    const details = [{ typeUrl: 't', value: Buffer.from('v') }];
    expect(prefixed('SendMsg failed', { code: StatusCode.Unavailable, message: 'gone', details })).toEqual({
      code: StatusCode.Unavailable,
      message: 'SendMsg failed: gone',
      details,
    });
  });

  it('turns any other failure with a prefix into CANCELED', () => {
    expect(prefixed('read', 'socket hang up')).toEqual(status(StatusCode.Canceled, 'read: socket hang up'));
  });

  it('prints like a Go status error', () => {
    expect(statusText(status(StatusCode.DeadlineExceeded, 'too late'))).toBe(
      'rpc error: code = DeadlineExceeded desc = too late',
    );
    expect(ok).toEqual({ code: 0, message: '' });
  });
});
