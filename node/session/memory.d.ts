import v1 = require('../v1');
import MemoryStore = v1.MemoryStore;
export = MemoryStore;
