import v1 = require('../v1');
import Store = v1.Store;
export = Store;
