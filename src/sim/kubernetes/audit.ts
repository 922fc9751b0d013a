/** The last requests and what was decided about them, for tests and curious people. Bounded; no tokens, no bodies. */
import { limits } from './limits.ts';

/** One answered request, as an audit log would tell it. */
export interface AuditEntry {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** The authenticated caller; empty for a refused stranger. */
  readonly username: string;
  readonly groups: readonly string[];
  /** Whom the caller acted as, when it asked to and might. */
  readonly impersonated?: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
  readonly decision: 'allow' | 'forbid' | 'unauthenticated';
}

export class AuditLog {
  private entries: AuditEntry[] = [];

  add(entry: AuditEntry): void {
    this.entries.push(entry);
    if (this.entries.length > limits.auditEntriesMax * 2) {
      this.entries = this.entries.slice(-limits.auditEntriesMax);
    }
  }

  recent(): readonly AuditEntry[] {
    return this.entries.slice(-limits.auditEntriesMax);
  }
}
